"""Scans as NumPy arrays: NPZ with named arrays, NPY with columns."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ponder_data.labels import NYU40
from ponder_data.scans.arrays import ScanArrays

_COORD_NAMES = ("coord", "xyz", "points")
_COLOR_NAMES = ("color", "colors", "rgb")
_NORMAL_NAMES = ("normal", "normals")
_SEMANTIC_NAMES = ("semantic", "label", "labels")
_INSTANCE_NAMES = ("instance", "instances")


def read_npz(path: Path) -> ScanArrays:
    """Return the arrays of an NPZ file.

    They are named ``coord`` (``xyz``, ``points``) and, each optional, ``color`` (``colors``, ``rgb``), ``normal``
    (``normals``), ``instance`` (``instances``), ``intensity``, and the labels ``semantic`` (``label``, ``labels``)
    with, if wanted, their ``class_names``; or ``nyu40`` for labels that are ids of NYU40.

    Raises:
        ValueError: when it holds no coordinates; other errors where it is no such file.
    """
    # Opened here, because numpy leaves the file open where it is cut off.
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:

        def first(names: Sequence[str]) -> np.ndarray | None:
            return next((file[name] for name in names if name in file.files), None)

        coord = first(_COORD_NAMES)
        if coord is None:
            raise ValueError(f"it holds {sorted(file.files)} but none of {list(_COORD_NAMES)}")
        semantic, names = first(_SEMANTIC_NAMES), first(("class_names",))
        raw = first(("nyu40",)) if semantic is None else None
        return ScanArrays(
            coord=coord,
            color=first(_COLOR_NAMES),
            normal=first(_NORMAL_NAMES),
            semantic=semantic if raw is None else raw,
            instance=first(_INSTANCE_NAMES),
            intensity=first(("intensity",)),
            label_set=None if raw is None else NYU40,
            class_names=() if names is None else tuple(map(str, names.tolist())),
        )


def npz_class_names(path: Path) -> tuple[str, ...]:
    """Return the names of the classes of an NPZ file's labels; none where it has no labels or no names for them.

    Raises:
        OSError, ValueError, BadZipFile: where it is no such file.
    """
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
        if any(name in file.files for name in _SEMANTIC_NAMES):
            return tuple(map(str, file["class_names"].tolist())) if "class_names" in file.files else ()
        return NYU40.names if "nyu40" in file.files else ()


def read_npy(path: Path) -> ScanArrays:
    """Return the columns of an NPY table: 3 of coordinates, 3 of colour if there are 6, 3 of normals if 9.

    Raises:
        ValueError: when it is no such table; other errors where it is no such file.
    """
    table = np.load(path, allow_pickle=False)
    if table.ndim != 2 or table.shape[1] not in (3, 6, 9):
        raise ValueError(f"its shape is {table.shape}; expected (points, 3), (points, 6) or (points, 9)")
    return ScanArrays(
        coord=table[:, :3],
        color=table[:, 3:6] if table.shape[1] >= 6 else None,
        normal=table[:, 6:9] if table.shape[1] == 9 else None,
    )
