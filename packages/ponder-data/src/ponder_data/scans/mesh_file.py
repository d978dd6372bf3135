"""Meshes of objects: points sampled on their surfaces, with the colours of their textures."""

from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from trimesh.sample import sample_surface
from trimesh.visual.color import DEFAULT_COLOR, uv_to_interpolated_color

from ponder_data.scans.arrays import ScanArrays

MESH_SUFFIXES = (".obj", ".glb", ".gltf", ".stl", ".off")
"""Endings of the files whose surface is sampled."""


_MADE_UP_SIZE = (2, 2)


def read_mesh(path: Path, points: int = 100_000) -> ScanArrays:
    """Return points spread evenly, at random but the same every time, over all surfaces of a file.

    Normals are those of the faces. Colours come from texture pictures (interpolated), materials, vertices or faces;
    a part without any is grey, and a file without any has no colours.

    Args:
        path: of the file; its texture pictures are read beside it.
        points: how many.

    Raises:
        ValueError: when it holds no surface; other errors where it is no such file.
    """
    scene = trimesh.load_scene(path, process=False)
    # Any: a geometry is a mesh, a path or a cloud by the file's content.
    parts: list[Any] = [part for part in scene.dump() if isinstance(part, trimesh.Trimesh) and part.area > 0]
    if not parts:
        raise ValueError("it holds no surface: no faces, or all of them of no area")
    rng = np.random.default_rng(0)
    area = np.array([part.area for part in parts])
    counts = rng.multinomial(points, area / area.sum())
    sampled = [_sampled(part, int(count), rng) for part, count in zip(parts, counts, strict=True) if count]
    colored = any(_is_colored(part.visual) for part in parts)
    return ScanArrays(
        coord=np.concatenate([part.coord for part in sampled]),
        normal=np.concatenate([part.normal for part in sampled if part.normal is not None]),
        color=np.concatenate([part.color for part in sampled if part.color is not None]) if colored else None,
    )


def _sampled(mesh: Any, count: int, rng: np.random.Generator) -> ScanArrays:
    # Any: what comes back depends on what is asked for.
    drawn: Any = sample_surface(mesh, count, return_barycentric=True, seed=rng)
    coord, face, barycentric = drawn
    corners = mesh.faces[face]
    return ScanArrays(
        coord=np.asarray(coord),
        normal=mesh.face_normals[face],
        color=_color(mesh, face, corners, barycentric),
    )


def _color(mesh: Any, face: np.ndarray, corners: np.ndarray, barycentric: np.ndarray) -> np.ndarray:
    """Return the colour of points on faces, bytes."""
    visual = mesh.visual
    if visual.kind == "texture":
        picture = _texture(visual.material)
        if picture is not None and visual.uv is not None:
            uv = (visual.uv[corners] * barycentric[:, :, None]).sum(axis=1)
            return np.asarray(uv_to_interpolated_color(uv, picture))[:, :3].round().astype(np.uint8)
        return np.tile(np.asarray(visual.material.main_color, dtype=np.uint8)[:3], (len(face), 1))
    if visual.kind == "vertex":
        mixed = (visual.vertex_colors[corners, :3] * barycentric[:, :, None]).sum(axis=1)
        return mixed.round().astype(np.uint8)
    if visual.kind == "face":
        return np.asarray(visual.face_colors)[face, :3]
    return np.full((len(face), 3), 128, dtype=np.uint8)


def _texture(material: Any) -> Any:
    """Return the picture of a material, with RGB channels; None where it has none."""
    picture = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
    return None if picture is None else picture.convert("RGB")


def _is_colored(visual: Any) -> bool:
    """Return whether the file says of which colour a mesh is.

    Where it gives texture coordinates but no material, trimesh makes up a grey one with a tiny grey picture.
    """
    if visual.kind != "texture":
        return visual.defined
    picture = _texture(visual.material)
    pictured = picture is not None and picture.size != _MADE_UP_SIZE
    return pictured or not np.array_equal(visual.material.main_color, DEFAULT_COLOR)
