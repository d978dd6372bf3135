"""ScanNet's labels: its table of raw categories, and the label pictures in its archives, read by frame."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from PIL import Image

from ponder_data.indoor.files import PICTURE_ERRORS, read_table
from ponder_data.labels import LabelSet

LABELS_FILE = "scannetv2-labels.combined.tsv"


def category_classes(path: Path, labels: LabelSet, column: str) -> dict[str, int]:
    """Return the class of each raw category, -1 for those of none.

    Args:
        path: ``scannetv2-labels.combined.tsv``.
        labels: the classes.
        column: whose numbers the raw ids of ``labels`` are: ``id`` or ``nyu40id``.

    Raises:
        ValueError: when the file cannot be read or lacks a column.
    """
    rows = read_table(path, ("raw_category", column), "\t")
    numbers = [int(row[column]) if row[column].isdigit() else -1 for row in rows]
    classes = labels.from_raw(torch.tensor(numbers, dtype=torch.int64)).tolist()
    found: dict[str, int] = {}
    for row, label in zip(rows, classes, strict=True):
        # A category may occur twice; as in the benchmark's own script, its first row counts.
        found.setdefault(row["raw_category"], label)
    return found


def number_classes(path: Path, labels: LabelSet) -> Int[np.ndarray, " numbers"]:
    """Return the class (by its NYU40 id) of each raw category's number, -1 for those of none.

    Raises:
        ValueError: when ``scannetv2-labels.combined.tsv`` cannot be read or lacks a column.
    """
    rows = read_table(path, ("id", "nyu40id"), "\t")
    cells = [(row["id"], row["nyu40id"]) for row in rows]
    known = [(int(number), int(nyu40)) for number, nyu40 in cells if number.isdigit() and nyu40.isdigit()]
    numbers, nyu40 = np.array(known, dtype=np.int64).reshape(-1, 2).T
    table = np.full(int(numbers.max(initial=0)) + 1, -1, dtype=np.int64)
    table[numbers] = labels.from_raw(torch.from_numpy(nyu40)).numpy()
    return table


def read_label_pictures(
    archive: Path, folder: str, frames: Sequence[int]
) -> list[Int[np.ndarray, "height width"]]:
    """Return the pictures ``<folder>/<frame>.png`` of an archive, without unpacking it.

    Raises:
        ValueError: when it is absent, cut off, or lacks one of them.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            pictures = []
            for frame in frames:
                with Image.open(io.BytesIO(file.read(f"{folder}/{frame}.png"))) as image:
                    pictures.append(np.array(image).astype(np.int64))
            return pictures
    except (*PICTURE_ERRORS, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{archive}: cannot be read ({error}); download it again") from error
