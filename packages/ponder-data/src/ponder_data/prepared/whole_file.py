"""Files that are there whole or not at all, whatever kills the program that writes them."""

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

PARTIAL = ".partial"
"""Ending of files that are being written."""


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a file aside, then give it its name: readers see the old file or the new one.

    Where writing fails (a full disk), what was written is removed and the error goes on. Where the program is
    killed, a file that ends in ``.partial`` stays behind, which nobody reads.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        with aside.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            aside.unlink()
        raise


def remove_partials(folder: Path) -> None:
    """Remove what killed programs left half-written in ``folder``."""
    for file in folder.glob(f".*{PARTIAL}"):
        file.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
