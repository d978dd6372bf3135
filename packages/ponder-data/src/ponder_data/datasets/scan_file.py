"""A scan from one file: a cloud or mesh as PLY, arrays as NPZ or NPY, LAS, LAZ, PCD, or the mesh of an object."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ponder_data.labels.label_set import LabelSet
from ponder_data.normals import estimate_normals
from ponder_data.scans.arrays import ScanArrays
from ponder_data.scans.las_file import read_las
from ponder_data.scans.mesh_file import MESH_SUFFIXES, read_mesh
from ponder_data.scans.numpy_file import read_npy, read_npz
from ponder_data.scans.pcd_file import read_pcd
from ponder_data.scans.ply_file import read_ply
from ponder_data.scene import NotFiniteError, Scene, check_scene

_READERS: dict[str, Callable[[Path], ScanArrays]] = {
    ".ply": read_ply,
    ".npz": read_npz,
    ".npy": read_npy,
    ".las": read_las,
    ".laz": read_las,
    ".pcd": read_pcd,
    **dict.fromkeys(MESH_SUFFIXES, read_mesh),
}

SCAN_SUFFIXES = tuple(_READERS)
"""Endings of the files that can be read."""

_Y_UP = (".glb", ".gltf")
_GREY = 0.5
_FAR = 10_000.0
_INTENSITY_RANGES = (1.0, 255.0, 4095.0, 65535.0)


def read_scan(path: Path, label_set: LabelSet | None = None, up: Literal["y", "z"] | None = None) -> Scene:
    """Return the scan in a file as a scene without views.

    Files: ``.ply`` (the vertices of a mesh or cloud), ``.npz`` with ``coord`` (or ``xyz``, ``points``) and, each
    optional, ``color``, ``normal``, ``semantic``, ``instance`` and more (see `ponder_data.scans.numpy_file`), ``.npy``
    with 3, 6 (and colour) or 9 (and normal) columns; ``.las`` and ``.laz``, ``.pcd`` (extra ``laser``); and meshes
    (``.obj``, ``.glb``, ``.gltf``, ``.stl``, ``.off``), on whose surfaces 100 000 points are sampled.

    Coordinates are taken as metres. ``up`` is the axis of the file that becomes Z; None means Y for glTF (``.glb``,
    ``.gltf``), whose standard says so, and Z for others. Where points lie more than 10 km from the origin, as in
    a country's grid, the scan is moved there by whole metres, since float32 could not tell them apart. Colours
    may be in [0, 1] or 0 to 255; without any, points are shaded by intensity or grey, and a warning says so. Normals
    that the file lacks are estimated from the 16 nearest points and turned to the middle of the cloud, as the walls of
    a room are seen.

    Labels are the file's own integers, -1 to ignore, unless ``label_set``, or the format, says that they are ids of a
    set: then they become its classes, and the scene's ``class_names`` are its names. LAS has the classes of
    ASPRS.

    Raises:
        ImportError: naming the extra that the format needs, where it is not installed.
        ValueError: when the file is absent, cut off, of another kind, or holds fewer than two points (three
            without normals) or values that are not finite.
    """
    arrays = _turned(_read_arrays(path), up or ("y" if path.suffix.lower() in _Y_UP else "z"))
    coord = _checked_coord(path, arrays.coord)
    points = coord.shape[0]
    intensity = _checked_intensity(path, arrays.intensity, points)
    semantic, class_names = _checked_semantic(path, arrays, points, label_set)
    return check_scene(
        Scene(
            name=path.stem,
            dataset="scan",
            coord=coord,
            color=_checked_color(path, arrays.color, points, intensity),
            normal=_checked_normal(path, arrays.normal, coord),
            semantic=semantic,
            instance=_checked_labels(path, "instance", arrays.instance, points),
            intensity=intensity,
            class_names=class_names,
        )
    )


def _read_arrays(path: Path) -> ScanArrays:
    """Return what the file holds by its kind; every failure to read it is a ValueError."""
    if path.suffix.lower() not in _READERS:
        raise ValueError(
            f"{path}: scans are read from {', '.join(_READERS)}; convert the file to one of these"
        )
    if not path.is_file():
        raise ValueError(f"{path}: no such file; check the path")
    try:
        return _READERS[path.suffix.lower()](path)
    except ImportError:
        raise  # a package is missing: nothing is wrong with the file
    # Parsers of other packages raise all kinds of errors on broken files; the cause stays attached.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"{path}: cannot be read, perhaps cut off ({reason}); copy or export it again"
        ) from error


def _turned(arrays: ScanArrays, up: Literal["y", "z"]) -> ScanArrays:
    """Return the arrays with Z up: y becomes z and z becomes -y where Y was."""
    if up == "z":
        return arrays

    def turned(vectors: np.ndarray | None) -> np.ndarray | None:
        if vectors is None or vectors.ndim != 2 or vectors.shape[1] != 3:
            return vectors  # refused later, with a message
        return np.stack((vectors[:, 0], -vectors[:, 2], vectors[:, 1]), axis=1)

    return replace(arrays, coord=turned(arrays.coord), normal=turned(arrays.normal))


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
    if np.abs(coord).max() > _FAR:
        coord = coord - np.floor(coord.mean(axis=0, dtype=np.float64))
    return torch.from_numpy(coord.astype(np.float32))


def _checked_color(
    path: Path, color: np.ndarray | None, points: int, intensity: Float[Tensor, " points"] | None
) -> Float[Tensor, "points 3"]:
    if color is None:
        how = "all points are taken as grey" if intensity is None else "points are shaded by their intensity"
        warnings.warn(f"{path}: holds no colours; {how}", stacklevel=3)
        return torch.full((points, 3), _GREY) if intensity is None else intensity[:, None].repeat(1, 3)
    _checked_rows(path, "color", color, (points, 3))
    lowest, highest = float(color.min()), float(color.max())
    if not (lowest >= 0.0 and highest <= 255.0):
        raise ValueError(f"{path}: colours run from {lowest:g} to {highest:g}; expected [0, 1] or 0 to 255")
    # Whole numbers are bytes even where all of them are 0 or 1.
    divisor = 255.0 if color.dtype.kind in "iu" or highest > 1.0 else 1.0
    return torch.from_numpy(color.astype(np.float32) / np.float32(divisor))


def _checked_intensity(
    path: Path, intensity: np.ndarray | None, points: int
) -> Float[Tensor, " points"] | None:
    """Return intensity in [0, 1]: over 1, 255, 4095 or 65535, whichever is the first that holds all of it."""
    if intensity is None:
        return None
    _checked_rows(path, "intensity", intensity, (points,))
    highest = float(intensity.max())
    full = next((full for full in _INTENSITY_RANGES if highest <= full), None)
    if full is None or not float(intensity.min()) >= 0.0:
        raise ValueError(
            f"{path}: intensity runs from {float(intensity.min()):g} to {highest:g}; expected 0 to 1, 255, 4095 "
            "or 65535"
        )
    return torch.from_numpy(intensity.astype(np.float32) / np.float32(full))


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


def _checked_semantic(
    path: Path, arrays: ScanArrays, points: int, label_set: LabelSet | None
) -> tuple[Int[Tensor, " points"] | None, tuple[str, ...]]:
    """Return the classes of the points, and their names where they are known."""
    labels = _checked_labels(path, "semantic", arrays.semantic, points)
    label_set = label_set or arrays.label_set
    if labels is None:
        return None, ()
    if label_set is not None:
        return label_set.from_raw(labels), label_set.names
    highest = int(labels.max())
    if arrays.class_names and highest >= len(arrays.class_names):
        raise ValueError(
            f"{path}: a label is {highest}, but class_names names {len(arrays.class_names)} classes, 0 to "
            f"{len(arrays.class_names) - 1}; use -1 for points of no class"
        )
    return labels, arrays.class_names


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
