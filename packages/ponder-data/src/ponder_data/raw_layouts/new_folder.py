"""A new folder of output, which appears under its name only when all of it is written."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``path``, which is renamed to ``path`` when the block ends.

    If the block raises, what it wrote is removed and ``path`` is left as it was. A killed process leaves the folder
    aside, named ``.NAME.partial``, and nothing under ``path``.

    Raises:
        ValueError: when ``path`` is a file or a folder that is not empty, its parent does not exist, or there is a
            folder aside already.
    """
    _check_free(path)
    aside = path.absolute().with_name(f".{path.absolute().name}.partial")
    try:
        aside.mkdir()
    except FileExistsError as error:
        raise ValueError(
            f"{aside} is there: {path} is being written, or the writing was killed; if it was, remove that folder"
        ) from error
    try:
        yield aside
        # An empty folder of that name is replaced, one that was filled meanwhile is not.
        os.replace(aside, path)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def _check_free(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file; give a folder that is new or empty")
    if path.is_dir() and any(path.iterdir()):
        raise ValueError(f"{path} is not empty; give a folder that is new or empty")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"{path}: the folder {path.absolute().parent} does not exist; create it first")
