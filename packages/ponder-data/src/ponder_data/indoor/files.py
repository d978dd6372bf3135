"""Small files of datasets; whatever is wrong with one is a ValueError that names it."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from PIL import Image

# What Pillow raises on files that are absent, no picture, or cut off; SyntaxError: broken PNG chunks.
PICTURE_ERRORS = (OSError, SyntaxError, ValueError)


def read_text(path: Path) -> str:
    """Return a text file; control characters inside it become spaces.

    Raises:
        ValueError: when it cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}); download it again") from error
    # One file of S3DIS holds a zero byte where a space belongs; the downloads of some datasets start with a mark.
    return data.decode("utf-8-sig", errors="replace").replace("\0", " ")


def read_lines(path: Path) -> tuple[str, ...]:
    """Return the lines of a text file that are not blank, stripped.

    Raises:
        ValueError: when it cannot be read.
    """
    return tuple(line.strip() for line in read_text(path).splitlines() if line.strip())


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        ValueError: when it cannot be read or is cut off.
    """
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: is no whole JSON file ({error}); download it again") from error


def read_numbers(path: Path, columns: int) -> Float[np.ndarray, "rows columns"]:
    """Return the numbers of a text file with ``columns`` in each row, float64.

    Raises:
        ValueError: when it cannot be read, is empty, or has a row of anything else.
    """
    text = read_text(path)
    if not text.strip():
        raise ValueError(f"{path}: is empty; download it again")
    try:
        table = np.loadtxt(io.StringIO(text), ndmin=2, comments=None)
    except ValueError as error:
        raise ValueError(f"{path}: holds something else than rows of {columns} numbers ({error})") from error
    if table.shape[1] != columns:
        raise ValueError(f"{path}: has {table.shape[1]} numbers in a row; expected {columns}")
    return table


def read_table(path: Path, needed: tuple[str, ...], delimiter: str) -> list[dict[str, str]]:
    """Return the rows of a table with a header.

    Raises:
        ValueError: when it cannot be read or lacks a needed column.
    """
    reader = csv.DictReader(read_text(path).splitlines(), delimiter=delimiter)
    absent = [name for name in needed if name not in (reader.fieldnames or ())]
    if absent:
        raise ValueError(
            f"{path}: has no column {absent[0]!r}; its columns are {list(reader.fieldnames or ())}"
        )
    return [{key: value or "" for key, value in row.items() if key is not None} for row in reader]


def read_picture(path: Path, mode: str | None = None) -> Shaped[np.ndarray, "height width ..."]:
    """Return a picture as it is stored (a palette's picture as its indices), or converted to a Pillow mode.

    Raises:
        ValueError: when it cannot be read as a picture.
    """
    try:
        with Image.open(path) as image:
            return np.array(image if mode is None else image.convert(mode))
    except PICTURE_ERRORS as error:
        raise ValueError(f"{path}: cannot be read as a picture ({error}); download it again") from error


def needed_file(path: Path, otherwise: str) -> Path:
    """Return a file that is only read because a setting asks for it.

    Raises:
        ValueError: when it is absent; ``otherwise`` says which setting does without.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file; download it, or {otherwise}")
    return path


def existing_folder(path: Path | None, config: str, what: str) -> Path:
    """Return the folder a configuration names.

    Raises:
        ValueError: when there is none.
    """
    if path is None:
        raise ValueError(f"{config}.path is not set; give {what}")
    if not path.is_dir():
        raise ValueError(f"{path}: no such folder; give {what}")
    return path


def checked_index(index: int, length: int, what: str) -> int:
    """Return the index.

    Raises:
        IndexError: when there is no such one, which also ends a loop over a dataset.
    """
    if not 0 <= index < length:
        raise IndexError(f"{what} {index} of {length}: valid indices are 0 to {length - 1}")
    return index
