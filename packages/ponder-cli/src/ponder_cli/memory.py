"""Making large tensors cheap on Linux, before torch is imported.

A training step on a CPU makes and drops tensors of hundreds of megabytes. By default each comes from the
kernel as fresh 4 KiB pages, and touching them for the first time costs more than the arithmetic. Three settings
help:

- ``THP_MEM_ALLOC_ENABLE=1`` has torch ask for huge pages (2 MiB), so there are 512 times fewer first touches.
  torch reads it once, so it must be in the environment before torch is imported.
- ``OMP_WAIT_POLICY=PASSIVE`` has threads that wait for each other sleep instead of spin. On cores that are shared with
  other work, such as a process that prepares the next batch, spinning takes the time from those it waits for.
- glibc hands memory back to the kernel after every large tensor. With its thresholds raised it keeps the
  memory and gives the same, already touched, pages to the next one.

An ``index_select`` and two pointwise operations on its result, on two cores of an x86-64 server: 640, 155 and
164 ms for 400 MB (as it comes, with huge pages, with kept memory too; other programs were running), and 24, 5 and
0.4 ms for 8 MB (when idle). So huge pages are for the largest tensors, and kept memory for those in between.
"""

import ctypes
import os
import sys

HUGE_PAGES = "THP_MEM_ALLOC_ENABLE"
WAIT_POLICY = "OMP_WAIT_POLICY"

# Numbers of glibc's <malloc.h>.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3

LARGEST_KEPT = 2**30
"""Bytes of the largest single tensor whose memory is kept for the next; larger ones go back to the kernel."""

MOST_KEPT = 2**31 - 1
"""Bytes of free memory kept in all; also the largest number that ``mallopt`` takes."""


def prepare_memory() -> bool:
    """Set all three, unless the user has; return whether the C library took the last."""
    os.environ.setdefault(HUGE_PAGES, "1")
    os.environ.setdefault(WAIT_POLICY, "PASSIVE")
    if not sys.platform.startswith("linux"):
        return False
    if any(
        name in os.environ for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")
    ):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries, musl for one, have none
    if mallopt is None:
        return False
    # Raising only one of them would make glibc stop adapting the other, which is worse than neither.
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)) and bool(mallopt(M_TRIM_THRESHOLD, MOST_KEPT))
