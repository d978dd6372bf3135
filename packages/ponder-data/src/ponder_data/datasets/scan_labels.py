"""What the labels of scans mean: a known label set, or the names in a file beside them."""

from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

from ponder_data.labels import (
    ASPRS,
    NUSCENES_LIDARSEG,
    NYU40,
    S3DIS,
    SCANNET20,
    SCANNET200,
    STRUCTURED3D,
    LabelSet,
)
from ponder_data.scans.numpy_file import npz_class_names

LabelSetName = Literal[
    "asprs", "nuscenes_lidarseg", "nyu40", "s3dis", "scannet20", "scannet200", "structured3d"
]

_SETS: dict[LabelSetName, LabelSet] = {
    "asprs": ASPRS,
    "nuscenes_lidarseg": NUSCENES_LIDARSEG,
    "nyu40": NYU40,
    "s3dis": S3DIS,
    "scannet20": SCANNET20,
    "scannet200": SCANNET200,
    "structured3d": STRUCTURED3D,
}

CLASSES_FILE = "classes.txt"
"""Names of the classes 0, 1, ... of all scans of a folder, one a line."""


def named_label_set(name: LabelSetName | None) -> LabelSet | None:
    """Return the label set that a configuration names."""
    return None if name is None else _SETS[name]


def folder_class_names(path: Path) -> tuple[str, ...]:
    """Return the names in the folder's ``classes.txt``; none where there is no such file.

    Raises:
        ValueError: when a name occurs twice or the file holds none.
    """
    file = path / CLASSES_FILE
    if not file.is_file():
        return ()
    names = tuple(line.strip() for line in file.read_text().splitlines() if line.strip())
    if not names or len(set(names)) < len(names):
        raise ValueError(
            f"{file}: holds {len(names)} names, {len(set(names))} different; give each class one line"
        )
    return names


def named_classes(file: Path) -> tuple[str, ...]:
    """Return the names of the classes that a scan file says its labels have, without reading its points.

    A broken file says none; reading it tells what is wrong with it.
    """
    ending = file.suffix.lower()
    if ending in (".las", ".laz"):
        return ASPRS.names
    if ending != ".npz":
        return ()
    try:
        return npz_class_names(file)
    except (OSError, ValueError, BadZipFile):
        return ()
