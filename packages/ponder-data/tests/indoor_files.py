"""Writers of tiny files in the official raw layouts of indoor datasets."""

import io
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

INFINITE = np.full((4, 4), -np.inf)
"""The pose of a frame whose tracking was lost."""


def write_ply(
    path: Path,
    coord: np.ndarray,
    faces: np.ndarray,
    *,
    vertex: Mapping[str, tuple[str, Any]],
    face: Mapping[str, tuple[str, Any]] | None = None,
) -> None:
    """Write a binary PLY mesh; ``vertex`` and ``face`` hold (PLY type, values) of further properties by name."""
    types = {"float": "<f4", "uchar": "u1", "ushort": "<u2", "int": "<i4", "short": "<i2"}
    fields = {axis: ("float", coord[:, i]) for i, axis in enumerate("xyz")} | dict(vertex)
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(coord)}"]
    rows = np.zeros(len(coord), dtype=[(name, types[kind]) for name, (kind, _) in fields.items()])
    for name, (kind, values) in fields.items():
        lines.append(f"property {kind} {name}")
        rows[name] = values
    lines += [f"element face {len(faces)}", "property list uchar int vertex_indices"]
    extra = dict(face or {})
    triangles = np.zeros(
        len(faces),
        dtype=[("n", "u1"), ("i", "<i4", 3), *((name, types[kind]) for name, (kind, _) in extra.items())],
    )
    triangles["n"], triangles["i"] = 3, faces
    for name, (kind, values) in extra.items():
        lines.append(f"property {kind} {name}")
        triangles[name] = values
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\n".join([*lines, "end_header", ""]).encode() + rows.tobytes() + triangles.tobytes())


def rgb(color: np.ndarray) -> dict[str, tuple[str, Any]]:
    """Return the properties of vertex colours, with the alpha that ScanNet's files have."""
    names = ("red", "green", "blue")
    return {name: ("uchar", color[:, i]) for i, name in enumerate(names)} | {"alpha": ("uchar", 255)}


def jpeg(color: np.ndarray) -> bytes:
    """Return a picture as a JPEG of good quality."""
    stream = io.BytesIO()
    Image.fromarray(color).save(stream, format="JPEG", quality=98, subsampling=0)
    return stream.getvalue()


def matrix(intrinsics: np.ndarray) -> np.ndarray:
    """Return 3x3 intrinsics as the 4x4 matrix that the sensor writes."""
    whole = np.eye(4)
    whole[:3, :3] = intrinsics
    return whole


def sens_bytes(
    colors: Sequence[np.ndarray],
    depths: Sequence[np.ndarray],
    poses: Sequence[np.ndarray],
    color_intrinsics: np.ndarray,
    depth_intrinsics: np.ndarray,
    units: float = 1000.0,
    compressions: tuple[int, int] = (2, 1),
) -> bytes:
    """Return a ``.sens`` file of version 4: depths are uint16 in ``units`` per metre; one inertial reading ends it."""
    sensor = b"StructureSensor"
    parts = [struct.pack("<IQ", 4, len(sensor)), sensor]
    for values in (matrix(color_intrinsics), np.eye(4), matrix(depth_intrinsics), np.eye(4)):
        parts.append(values.astype("<f4").tobytes())
    (height, width), (rows, columns) = colors[0].shape[:2], depths[0].shape
    parts.append(struct.pack("<2i4IfQ", *compressions, width, height, columns, rows, units, len(colors)))
    for i, (color, depth, pose) in enumerate(zip(colors, depths, poses, strict=True)):
        picture, packed = jpeg(color), zlib.compress(depth.astype("<u2").tobytes())
        parts.append(pose.astype("<f4").tobytes())
        parts.append(struct.pack("<4Q", 33_000 * i, 33_000 * i + 1, len(picture), len(packed)))
        parts += [picture, packed]
    parts.append(struct.pack("<Q", 1) + struct.pack("<15dQ", *range(15), 7))
    return b"".join(parts)


def write_json(path: Path, data: Any) -> None:
    """Write a JSON file, with the folders it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))


def write_text(path: Path, *lines: str) -> None:
    """Write a text file, with the folders it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def write_png(path: Path, image: np.ndarray) -> None:
    """Write a picture without loss: uint8 grey or RGB, or uint16."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def grid_mesh(rows: int = 4, columns: int = 5, step: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Return the vertices and triangles of a level grid, normals up, its corner at the origin."""
    y, x = np.meshgrid(np.arange(rows) * step, np.arange(columns) * step, indexing="ij")
    coord = np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 3)
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).reshape(-1)
    faces = np.concatenate(
        [
            np.stack([corner, corner + 1, corner + columns], axis=1),
            np.stack([corner + 1, corner + columns + 1, corner + columns], axis=1),
        ]
    )
    return coord, faces


def looking(position: Sequence[float], forward: Sequence[float], down: Sequence[float]) -> np.ndarray:
    """Return the camera-to-world pose of an OpenCV camera."""
    z, y = np.asarray(forward, dtype=float), np.asarray(down, dtype=float)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([np.cross(y, z), y, z], axis=1)
    pose[:3, 3] = position
    return pose


def smooth_color(height: int, width: int, shift: int = 0) -> np.ndarray:
    """Return a picture whose colours change slowly, so that JPEG keeps them: red to the right, green downwards."""
    v, u = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    picture = np.stack([40 + 4 * u, 30 + 5 * v, np.full_like(u, 90 + shift)], axis=-1)
    return picture.clip(0, 255).astype(np.uint8)
