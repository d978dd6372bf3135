"""Scans as LAS or LAZ, the exchange formats of laser scanning (ASPRS, LAS 1.0 to 1.4)."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ponder_data.labels.asprs import ASPRS
from ponder_data.optional import load_laspy
from ponder_data.scans.arrays import ScanArrays

MOST_POINTS = 20_000_000
"""Of larger files every n-th point is read, so that they take at most about a gigabyte of memory."""

_CHUNK = 2_000_000
_NOISE = (7, 18)
_NORMAL_NAMES = (("normal_x", "normal_y", "normal_z"), ("NormalX", "NormalY", "NormalZ"), ("nx", "ny", "nz"))
_INSTANCE_NAMES = ("instance", "treeID", "treeid", "PredInstance")


def read_las(path: Path, most_points: int = MOST_POINTS) -> ScanArrays:
    """Return the points of a file without those that are marked as noise or withheld.

    Colours are 16 bit by the format, but many programs write 8: whichever holds the largest is taken. Colours that
    are all zero are none. Classification codes 0 and 1 mean "not classified"; a file with no others has no labels.

    Raises:
        ImportError: naming the extra, where laspy is not installed.
        Exception: of any kind where the file is none or was cut off.
    """
    laspy = load_laspy()
    with laspy.open(path) as file:
        total = file.header.point_count
        stride = max(1, -(-total // most_points))
        if stride > 1:
            warnings.warn(f"{path}: holds {total} points; every {stride}th is read", stacklevel=4)
        kept: list[dict[str, np.ndarray]] = []
        seen = 0
        for points in file.chunk_iterator(_CHUNK):
            kept.append(_columns(points, -seen % stride, stride))
            seen += len(points)
        if seen != total:
            raise ValueError(f"it holds {seen} of the {total} points that its header names")
    if not kept:
        return ScanArrays(coord=np.zeros((0, 3)))
    return _arrays({name: np.concatenate([part[name] for part in kept]) for name in kept[0]})


def _columns(points: Any, first: int, stride: int) -> dict[str, np.ndarray]:
    """Return the wanted dimensions of every ``stride``-th point, noise left out."""
    names = set(points.point_format.dimension_names)
    every = slice(first, None, stride)
    classification = np.asarray(points.classification)[every]
    good = ~np.isin(classification, _NOISE)
    if "withheld" in names:
        good &= np.asarray(points.withheld)[every] == 0

    def rows(name: str) -> np.ndarray:
        return np.asarray(points[name])[every][good]

    columns = {
        "coord": np.stack([np.asarray(points[axis])[every][good] for axis in ("x", "y", "z")], axis=1),
        "classification": classification[good],
        "intensity": rows("intensity"),
    }
    if "red" in names:
        columns["color"] = np.stack([rows(name) for name in ("red", "green", "blue")], axis=1)
    for axes in _NORMAL_NAMES:
        if set(axes) <= names:
            columns["normal"] = np.stack([rows(name) for name in axes], axis=1)
            break
    instance = next((name for name in _INSTANCE_NAMES if name in names), None)
    if instance is not None:
        columns["instance"] = rows(instance)
    return columns


def _arrays(columns: dict[str, np.ndarray]) -> ScanArrays:
    color, classification = columns.get("color"), columns["classification"]
    if color is not None and color.any():
        color = color.astype(np.float32) / np.float32(255.0 if color.max() <= 255 else 65535.0)
    else:
        color = None
    classified = bool((classification > 1).any())
    intensity = columns["intensity"]
    return ScanArrays(
        coord=columns["coord"],
        color=color,
        normal=columns.get("normal"),
        semantic=classification if classified else None,
        instance=columns.get("instance"),
        intensity=intensity if intensity.any() else None,
        label_set=ASPRS if classified else None,
    )
