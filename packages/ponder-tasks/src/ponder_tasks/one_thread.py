"""Processes of one thread: where processes are the parallelism, threads inside them would only fight for the cores."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
}
"""Libraries read these when they are loaded."""


@contextmanager
def one_thread_environment() -> Iterator[None]:
    """Let processes that are started meanwhile inherit ``ONE_THREAD``; this process keeps its own settings."""
    before = {name: os.environ[name] for name in ONE_THREAD if name in os.environ}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name in ONE_THREAD:
            os.environ.pop(name)
        os.environ.update(before)
