"""Scans as PLY: the vertices of a mesh or cloud."""

from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from ponder_data.scans.arrays import ScanArrays

# Names that programs give to labels; the last are CloudCompare's for scalar fields.
_SEMANTIC_NAMES = (
    "semantic",
    "label",
    "class",
    "classification",
    "scalar_label",
    "scalar_class",
    "scalar_classification",
)
_INSTANCE_NAMES = ("instance", "instance_id", "objectid", "scalar_instance")
_INTENSITY_NAMES = ("intensity", "scalar_intensity", "reflectance", "scalar_reflectance")


def read_ply(path: Path) -> ScanArrays:
    """Return the vertices with their colours, normals, labels, instances and intensity, as far as there are any.

    Normals that the file of a mesh lacks are those of its faces, averaged.

    Raises:
        Exception: of any kind where the file is none or was cut off.
    """
    # process=False keeps the vertices as they are in the file: neither merged nor reordered.
    # Any, because what comes back is a mesh or a cloud by the file's content.
    loaded: Any = trimesh.load(path, file_type="ply", process=False, skip_materials=True)
    has_faces = hasattr(loaded, "faces") and len(loaded.faces) > 0
    if has_faces:
        color = loaded.visual.vertex_colors if loaded.visual.kind in ("vertex", "face") else None
    else:
        color = loaded.colors if len(loaded.colors) else None
    columns = _columns(loaded.metadata["_ply_raw"]["vertex"]["data"])
    normal = None
    if {"nx", "ny", "nz"} <= set(columns):
        normal = np.stack([columns[axis] for axis in ("nx", "ny", "nz")], axis=1)
    elif has_faces:
        normal = np.asarray(loaded.vertex_normals)
    return ScanArrays(
        coord=np.asarray(loaded.vertices),
        color=None if color is None else np.asarray(color)[:, :3],
        normal=normal,
        semantic=_first(columns, _SEMANTIC_NAMES),
        instance=_first(columns, _INSTANCE_NAMES),
        intensity=_first(columns, _INTENSITY_NAMES),
    )


def _columns(vertex: Any) -> dict[str, np.ndarray]:
    """Return the properties of the raw vertices by name; they are an array in binary files, a dict in text files."""
    names = vertex.dtype.names if isinstance(vertex, np.ndarray) else tuple(vertex)
    return {str(name).lower(): np.asarray(vertex[name]).reshape(-1) for name in names or ()}


def _first(columns: dict[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray | None:
    return next((columns[name] for name in names if name in columns), None)
