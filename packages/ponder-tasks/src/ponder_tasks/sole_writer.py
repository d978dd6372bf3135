"""One process at a time writes in a folder: a second one is refused, and the death of the first frees it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCK_FILE = ".lock"


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold ``folder``, which is there, for this process.

    Raises:
        ValueError: when another process holds it.
    """
    lock = FileLock(folder / LOCK_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ValueError(
            f"another process is at work in {folder}; wait until it has ended, or choose another folder"
        ) from error
    try:
        yield
    finally:
        lock.release()
