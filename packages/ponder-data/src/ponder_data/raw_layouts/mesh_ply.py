"""Meshes as binary PLY files, as ScanNet has them: colour with alpha, and a label where there is one."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8


def write_mesh_ply(
    path: Path,
    coord: Float[np.ndarray, "vertices 3"],
    color: UInt8[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    label: Int[np.ndarray, " vertices"] | None = None,
) -> None:
    """Write a mesh; ``label`` becomes a 16-bit property of the vertices."""
    fields = [(axis, "<f4") for axis in "xyz"] + [(name, "u1") for name in ("red", "green", "blue", "alpha")]
    if label is not None:
        fields.append(("label", "<u2"))
    vertex = np.zeros(len(coord), dtype=fields)
    for column, axis in enumerate("xyz"):
        vertex[axis] = coord[:, column]
    for column, name in enumerate(("red", "green", "blue")):
        vertex[name] = color[:, column]
    vertex["alpha"] = 255
    if label is not None:
        vertex["label"] = label
    face = np.zeros(len(faces), dtype=[("count", "u1"), ("index", "<i4", 3)])
    face["count"] = 3
    face["index"] = faces
    names = {"<f4": "float", "u1": "uchar", "<u2": "ushort"}
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {len(coord)}",
        *(f"property {names[kind]} {name}" for name, kind in fields),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header",
    ]
    path.write_bytes("\n".join([*header, ""]).encode() + vertex.tobytes() + face.tobytes())
