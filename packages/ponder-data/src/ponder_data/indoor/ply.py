"""Meshes in PLY files with what datasets write beside the usual fields: labels of vertices and of faces."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from jaxtyping import Float, Int, Shaped, UInt8


@dataclass(frozen=True, slots=True, kw_only=True)
class PlyMesh:
    """The vertices and triangles of a file, in its order, and its fields by name."""

    path: Path
    coord: Float[np.ndarray, "vertices 3"]
    faces: Int[np.ndarray, "faces 3"]
    vertex_fields: Mapping[str, np.ndarray]
    face_fields: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.coord)

    def color(self) -> UInt8[np.ndarray, "vertices 3"]:
        """Return the colours of the vertices.

        Raises:
            ValueError: when the file has none.
        """
        return np.stack([self.vertex_field(name) for name in ("red", "green", "blue")], axis=1).astype(
            np.uint8
        )

    def normal(self) -> Float[np.ndarray, "vertices 3"]:
        """Return unit normals: the file's own, or the mean of the triangles at each vertex by their area."""
        if {"nx", "ny", "nz"} <= set(self.vertex_fields):
            normal = np.stack([self.vertex_fields[name] for name in ("nx", "ny", "nz")], axis=1)
        else:
            normal = triangle_normals(self.coord, self.faces)
        length = np.linalg.norm(normal, axis=1, keepdims=True)
        return np.divide(normal, length, out=np.zeros_like(normal), where=length > 0).astype(np.float32)

    def vertex_field(self, name: str) -> Shaped[np.ndarray, " vertices"]:
        """Return a field of the vertices.

        Raises:
            ValueError: when the file has no such field.
        """
        if name not in self.vertex_fields:
            raise ValueError(
                f"{self.path}: its vertices have no {name!r}, only {', '.join(self.vertex_fields)}; "
                "check that it is the dataset's own file"
            )
        return self.vertex_fields[name]


def triangle_normals(
    coord: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]
) -> Float[np.ndarray, "vertices 3"]:
    """Return, for each vertex, the sum of its triangles' normals, each as long as twice the area; float64."""
    first, second, third = (coord[faces[:, corner]].astype(np.float64) for corner in range(3))
    cross = np.cross(second - first, third - first)
    corners = faces.reshape(-1)
    return np.stack(
        [
            np.bincount(corners, weights=np.repeat(cross[:, axis], 3), minlength=len(coord))
            for axis in range(3)
        ],
        axis=1,
    )


def face_to_vertex(
    labels: Int[np.ndarray, " faces"], faces: Int[np.ndarray, "faces 3"], vertices: int
) -> Int[np.ndarray, " vertices"]:
    """Return the label that most triangles at each vertex have; the lowest of equals, -1 without triangles.

    Labels below 0 do not count where a vertex has another one.
    """
    result = np.full(vertices, -1, dtype=np.int64)
    corners, repeated = faces.reshape(-1), np.repeat(labels, 3)
    known = repeated >= 0
    if not known.any():
        return result
    span = int(labels.max()) + 1
    pairs, counts = np.unique(corners[known] * span + repeated[known], return_counts=True)
    # Sorted by vertex, then by count upwards, then by label downwards: the last of each vertex wins.
    order = np.lexsort((-(pairs % span), counts, pairs // span))
    result[pairs[order] // span] = pairs[order] % span
    return result


def read_ply_mesh(path: Path) -> PlyMesh:
    """Return the mesh in a PLY file.

    Raises:
        ValueError: when it is absent, cut off or no mesh, or a vertex is not finite.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file; download this scene again")
    try:
        # process=False keeps the vertices as they are in the file: neither merged nor reordered.
        loaded: Any = trimesh.load(path, file_type="ply", process=False, skip_materials=True)
        raw = loaded.metadata["_ply_raw"]
    # Parsers of other packages raise all kinds of errors on broken files; the cause stays attached.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path}: cannot be read, perhaps cut off ({reason}); download it again") from error
    vertex = _columns(raw["vertex"]["data"])
    face = _columns(raw["face"]["data"]) if "face" in raw else {}
    if not {"x", "y", "z"} <= set(vertex):
        raise ValueError(f"{path}: its vertices have no coordinates; check that it is the dataset's own file")
    coord = np.stack([vertex[name] for name in ("x", "y", "z")], axis=1).astype(np.float32)
    if not np.isfinite(coord).all():
        raise ValueError(f"{path}: some vertices are NaN or infinite; download it again")
    faces = next((face.pop(name) for name in ("vertex_indices", "vertex_index") if name in face), None)
    if faces is None:
        faces = np.zeros((0, 3), dtype=np.int64)
    if (
        faces.ndim != 2
        or faces.shape[1] != 3
        or (faces.size and not 0 <= faces.min() <= faces.max() < len(coord))
    ):
        raise ValueError(
            f"{path}: its faces are no triangles of its {len(coord)} vertices; download it again"
        )
    return PlyMesh(
        path=path, coord=coord, faces=faces.astype(np.int64), vertex_fields=vertex, face_fields=face
    )


def _columns(data: Any) -> dict[str, np.ndarray]:
    """Return the fields of an element: a structured array in binary files, a dict in text files."""
    if not isinstance(data, np.ndarray):
        return {name: values if values.shape[1] > 1 else values[:, 0] for name, values in data.items()}
    # A list is stored as its length and its values.
    return {
        name: data[name] if data.dtype[name].names is None else data[name]["f1"]
        for name in data.dtype.names or ()
    }
