"""Scans as PCD, the format of the Point Cloud Library: text, binary and compressed."""

from pathlib import Path
from typing import Any

import numpy as np

from ponder_data.optional import load_pypcd4
from ponder_data.scans.arrays import ScanArrays

_NORMAL_NAMES = (("normal_x", "normal_y", "normal_z"), ("nx", "ny", "nz"))
_SEMANTIC_NAMES = ("label", "semantic", "class", "classification")
_INSTANCE_NAMES = ("instance", "object", "instance_id")
_INTENSITY_NAMES = ("intensity", "i")


def read_pcd(path: Path) -> ScanArrays:
    """Return the points of a file; those without a place (NaN, as depth cameras write them) are left out.

    Colours are ``rgb`` or ``rgba`` (three bytes in one number) or ``r``, ``g`` and ``b``. The viewpoint is not
    applied: points are already in the frame that it is given in.

    Raises:
        ImportError: naming the extra, where pypcd4 is not installed.
        Exception: of any kind where the file is none or was cut off.
    """
    cloud = load_pypcd4().PointCloud.from_path(path)
    data = np.atleast_1d(cloud.pc_data)
    if len(data) != cloud.metadata.points:
        raise ValueError(f"it holds {len(data)} of the {cloud.metadata.points} points that its header names")
    names = data.dtype.names or ()
    if not {"x", "y", "z"} <= set(names):
        raise ValueError(f"it holds {list(names)} but not x, y and z")
    coord = _stacked(data, ("x", "y", "z"))
    data = data[~np.isnan(coord).any(axis=1)]
    normal = next((_stacked(data, axes) for axes in _NORMAL_NAMES if set(axes) <= set(names)), None)
    return ScanArrays(
        coord=_stacked(data, ("x", "y", "z")),
        color=_color(data),
        normal=normal,
        semantic=_first(data, _SEMANTIC_NAMES),
        instance=_first(data, _INSTANCE_NAMES),
        intensity=_first(data, _INTENSITY_NAMES),
    )


def _stacked(data: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    return np.stack([np.asarray(data[name]) for name in names], axis=1)


def _first(data: np.ndarray, names: tuple[str, ...]) -> np.ndarray | None:
    return next((np.asarray(data[name]) for name in names if name in (data.dtype.names or ())), None)


def _color(data: Any) -> np.ndarray | None:
    """Return colours of bytes."""
    names = data.dtype.names or ()
    if {"r", "g", "b"} <= set(names):
        return _stacked(data, ("r", "g", "b"))
    packed = _first(data, ("rgb", "rgba"))
    if packed is None:
        return None
    # Four bytes whatever their type says: PCL stores the bits of an integer as those of a float.
    bits = np.ascontiguousarray(packed)
    bits = bits.view(np.uint32) if bits.dtype.itemsize == 4 else bits.astype(np.uint32)
    return np.stack([(bits >> shift) & 255 for shift in (16, 8, 0)], axis=1).astype(np.uint8)
