"""A scan from one file: PLY (mesh or cloud), or arrays in NPZ or NPY."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import trimesh
from jaxtyping import Float, Int
from torch import Tensor

from ponder_data.normals import estimate_normals
from ponder_data.scene import NotFiniteError, Scene, check_scene

SCAN_SUFFIXES = (".ply", ".npz", ".npy")
"""Endings of the files that can be read."""

_GREY = 0.5
_COORD_NAMES = ("coord", "xyz", "points")
_COLOR_NAMES = ("color", "colors", "rgb")
_NORMAL_NAMES = ("normal", "normals")
_SEMANTIC_NAMES = ("semantic", "label", "labels")
_INSTANCE_NAMES = ("instance", "instances")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrays:
    """What a file holds, unchecked; None where it holds no such thing."""

    coord: np.ndarray
    color: np.ndarray | None = None
    normal: np.ndarray | None = None
    semantic: np.ndarray | None = None
    instance: np.ndarray | None = None


def read_scan(path: Path) -> Scene:
    """Return the scan in a file as a scene without views.

    Files: ``.ply`` (the vertices of a mesh or cloud), ``.npz`` with ``coord`` (or ``xyz``, ``points``) and,
        each
    optional, ``color`` (``colors``, ``rgb``), ``normal``, ``semantic`` (``label``, ``labels``) and
    ``instance``; ``.npy`` with 3, 6 (and colour) or 9 (and normal) columns.

    Coordinates are taken as metres with Z up. Colours may be in [0, 1] or 0 to 255; a file without any gives
    grey points and a warning. Normals that the file lacks are estimated from the 16 nearest points and turned
    to the middle of the cloud, as the walls of a room are seen.

    Raises:
        ValueError: when the file is absent, cut off, of another kind, or holds fewer than two points (three
            without normals) or values that are not finite.
    """
    arrays = _read_arrays(path)
    coord = _checked_coord(path, arrays.coord)
    points = coord.shape[0]
    return check_scene(
        Scene(
            name=path.stem,
            dataset="scan",
            coord=coord,
            color=_checked_color(path, arrays.color, points),
            normal=_checked_normal(path, arrays.normal, coord),
            semantic=_checked_labels(path, "semantic", arrays.semantic, points),
            instance=_checked_labels(path, "instance", arrays.instance, points),
        )
    )


def _read_arrays(path: Path) -> _Arrays:
    """Return what the file holds by its kind; every failure to read it is a ValueError."""
    readers = {".ply": _read_ply, ".npz": _read_npz, ".npy": _read_npy}
    if path.suffix.lower() not in readers:
        raise ValueError(
            f"{path}: scans are read from {', '.join(readers)}; convert the file to one of these"
        )
    if not path.is_file():
        raise ValueError(f"{path}: no such file; check the path")
    try:
        return readers[path.suffix.lower()](path)
    # Parsers of other packages raise all kinds of errors on broken files; the cause stays attached.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"{path}: cannot be read, perhaps cut off ({reason}); copy or export it again"
        ) from error


def _read_ply(path: Path) -> _Arrays:
    # process=False keeps the vertices as they are in the file: neither merged nor reordered.
    # Any, because what comes back is a mesh or a cloud by the file's content.
    loaded: Any = trimesh.load(path, file_type="ply", process=False, skip_materials=True)
    has_faces = hasattr(loaded, "faces") and len(loaded.faces) > 0
    if has_faces:
        color = loaded.visual.vertex_colors if loaded.visual.kind in ("vertex", "face") else None
    else:
        color = loaded.colors if len(loaded.colors) else None
    normal = _ply_normals(loaded.metadata["_ply_raw"]["vertex"]["data"])
    if normal is None and has_faces:
        normal = np.asarray(loaded.vertex_normals)
    return _Arrays(
        coord=np.asarray(loaded.vertices),
        color=None if color is None else np.asarray(color)[:, :3],
        normal=normal,
    )


def _ply_normals(vertex: Any) -> np.ndarray | None:
    """Return the normals of the raw vertices: a structured array in binary files, a dict in text files."""
    names = vertex.dtype.names if isinstance(vertex, np.ndarray) else tuple(vertex)
    if not {"nx", "ny", "nz"} <= set(names):
        return None
    return np.stack([np.asarray(vertex[axis]).reshape(-1) for axis in ("nx", "ny", "nz")], axis=1)


def _read_npz(path: Path) -> _Arrays:
    # Opened here, because numpy leaves the file open where it is cut off.
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:

        def first(names: Sequence[str]) -> np.ndarray | None:
            return next((file[name] for name in names if name in file.files), None)

        coord = first(_COORD_NAMES)
        if coord is None:
            raise ValueError(f"it holds {sorted(file.files)} but none of {list(_COORD_NAMES)}")
        return _Arrays(
            coord=coord,
            color=first(_COLOR_NAMES),
            normal=first(_NORMAL_NAMES),
            semantic=first(_SEMANTIC_NAMES),
            instance=first(_INSTANCE_NAMES),
        )


def _read_npy(path: Path) -> _Arrays:
    table = np.load(path, allow_pickle=False)
    if table.ndim != 2 or table.shape[1] not in (3, 6, 9):
        raise ValueError(f"its shape is {table.shape}; expected (points, 3), (points, 6) or (points, 9)")
    return _Arrays(
        coord=table[:, :3],
        color=table[:, 3:6] if table.shape[1] >= 6 else None,
        normal=table[:, 6:9] if table.shape[1] == 9 else None,
    )


def _checked_rows(path: Path, name: str, values: np.ndarray, shape: tuple[int, ...]) -> None:
    if values.shape != shape or values.dtype.kind not in "iuf":
        raise ValueError(
            f"{path}: {name} is {values.dtype} of shape {values.shape}; expected numbers of shape {shape}"
        )


def _checked_coord(path: Path, coord: np.ndarray) -> Float[Tensor, "points 3"]:
    _checked_rows(path, "coord", coord, (coord.shape[0] if coord.ndim else 0, 3))
    if len(coord) < 2:
        raise ValueError(
            f"{path}: holds {len(coord)} point(s); at least 2 are needed; check that it holds a cloud"
        )
    broken = int((~np.isfinite(coord)).any(axis=1).sum())
    if broken:
        raise NotFiniteError(
            f"{path}: {broken} of {len(coord)} points are NaN or infinite; remove them from the file"
        )
    return torch.from_numpy(coord.astype(np.float32))


def _checked_color(path: Path, color: np.ndarray | None, points: int) -> Float[Tensor, "points 3"]:
    if color is None:
        warnings.warn(f"{path}: holds no colours; all points are taken as grey", stacklevel=3)
        return torch.full((points, 3), _GREY)
    _checked_rows(path, "color", color, (points, 3))
    lowest, highest = float(color.min()), float(color.max())
    if not (lowest >= 0.0 and highest <= 255.0):
        raise ValueError(f"{path}: colours run from {lowest:g} to {highest:g}; expected [0, 1] or 0 to 255")
    # Whole numbers are bytes even where all of them are 0 or 1.
    divisor = 255.0 if color.dtype.kind in "iu" or highest > 1.0 else 1.0
    return torch.from_numpy(color.astype(np.float32) / np.float32(divisor))


def _checked_normal(
    path: Path, normal: np.ndarray | None, coord: Float[Tensor, "points 3"]
) -> Float[Tensor, "points 3"]:
    if normal is None:
        if coord.shape[0] < 3:
            raise ValueError(
                f"{path}: holds {coord.shape[0]} points and no normals; estimating these takes 3 points"
            )
        return estimate_normals(coord, towards="inward")
    _checked_rows(path, "normal", normal, tuple(coord.shape))
    return torch.nn.functional.normalize(torch.from_numpy(normal.astype(np.float32)), dim=1)


def _checked_labels(
    path: Path, name: str, labels: np.ndarray | None, points: int
) -> Int[Tensor, " points"] | None:
    if labels is None:
        return None
    _checked_rows(path, name, labels, (points,))
    if labels.dtype.kind == "f" and not (np.isfinite(labels) & (labels == np.floor(labels))).all():
        raise ValueError(
            f"{path}: {name} holds numbers that are not whole; labels are integers, -1 to ignore"
        )
    return torch.from_numpy(labels.astype(np.int64))
