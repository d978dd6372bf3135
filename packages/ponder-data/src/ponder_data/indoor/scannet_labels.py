"""ScanNet's table of raw categories: what the words of its annotators mean in each set of classes."""

from pathlib import Path

import torch

from ponder_data.indoor.files import read_table
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
