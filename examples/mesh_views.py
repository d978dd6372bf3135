"""Views of a mesh from all sides, shaded colours and distances, by a small rasteriser.

Also how near two surfaces are to each other: Chamfer distance, F-score, normal consistency.
"""

import math
from pathlib import Path

import numpy as np
import torch
import trimesh
from ponder_tasks.metrics.reconstruction import SurfaceMetrics, surface_metrics
from posed_views import PosedViews

LIGHT = np.array([0.4, -0.5, 0.77]) / np.linalg.norm([0.4, -0.5, 0.77])


def read_unit_mesh(path: Path) -> trimesh.Trimesh:
    """Read a mesh, scale it into the unit sphere and turn its y axis, which points up in most files, to z."""
    if not path.is_file():
        raise SystemExit(
            f"there is no mesh {path}. Pass a watertight mesh in a format that trimesh reads, such as OBJ."
        )
    mesh = trimesh.load_mesh(path, process=True)
    middle = mesh.bounds.mean(axis=0)
    radius = np.linalg.norm(mesh.vertices - middle, axis=1).max()
    vertices = (mesh.vertices - middle)[:, [0, 2, 1]] * [1, -1, 1] / (1.05 * radius)
    return trimesh.Trimesh(vertices, mesh.faces, process=False)


def render_mesh_views(mesh: trimesh.Trimesh, count: int = 32, size: int = 200) -> PosedViews:
    """``count`` square pictures of a mesh in the unit sphere, from directions spread evenly over the sphere."""
    focal, middle = 1.35 * size, size / 2
    intrinsics = np.array([[focal, 0, middle], [0, focal, middle], [0, 0, 1]])
    poses = [look_at_origin(2.8 * direction) for direction in even_directions(count)]
    pictures = [render_mesh(mesh, intrinsics, pose, size) for pose in poses]
    color, distance = (torch.from_numpy(np.stack(part)).float() for part in zip(*pictures, strict=True))
    return PosedViews(
        color=color,
        mask=distance > 0,
        distance=distance,
        intrinsics=torch.from_numpy(intrinsics).float().expand(count, 3, 3),
        camera_to_world=torch.from_numpy(np.stack(poses)).float(),
    )


def even_directions(count: int) -> np.ndarray:
    """Unit vectors on a spiral that turns by the golden angle."""
    index = np.arange(count) + 0.5
    height, turn = 1 - 2 * index / count, index * math.pi * (3 - 5**0.5)
    around = np.sqrt(1 - height**2)
    return np.stack([around * np.cos(turn), around * np.sin(turn), height], axis=1)


def look_at_origin(position: np.ndarray) -> np.ndarray:
    """Camera-to-world of a camera at ``position`` that looks at the origin, with the world's z up."""
    forward = -position / np.linalg.norm(position)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = position
    return pose


def render_mesh(
    mesh: trimesh.Trimesh, intrinsics: np.ndarray, pose: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Colour on black, and distance along each pixel's ray, 0 where nothing is seen."""
    camera = (mesh.vertices - pose[:3, 3]) @ pose[:3, :3]
    pixel = camera @ intrinsics.T
    depth, face = rasterise(pixel[:, :2] / pixel[:, 2:], camera[:, 2], mesh.faces, size)
    row, column = np.mgrid[:size, :size]
    ray = np.stack([column + 0.5, row + 0.5, np.ones((size, size))], axis=2) @ np.linalg.inv(intrinsics).T
    seen = face >= 0
    point = pose[:3, 3] + (ray * np.where(seen, depth, 0)[..., None]) @ pose[:3, :3].T
    # Soft hues that change with the place, lit by a lamp and by the sky.
    albedo = 0.65 + 0.3 * np.sin(4.0 * point + np.array([0.0, 2.1, 4.2]))
    shade = 0.55 + 0.45 * np.clip(mesh.face_normals[face] @ LIGHT, 0, 1)
    color = np.where(seen[..., None], albedo * shade[..., None], 0)
    return color, np.where(seen, depth * np.linalg.norm(ray, axis=2), 0)


def rasterise(
    corner: np.ndarray, depth: np.ndarray, faces: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """The z-depth and the number of the nearest face at each pixel's centre; infinite and -1 where there is none.

    Faces are taken together by how many pixels they span, so that each group is one array operation.
    """
    triangle, inverse = corner[faces], 1 / depth[faces]
    first = np.ceil(triangle.min(axis=1) - 0.5).astype(int).clip(0, size)
    last = np.floor(triangle.max(axis=1) - 0.5).astype(int).clip(-1, size - 1)
    span = (last - first + 1).max(axis=1)
    nearest, owner = np.full(size * size, np.inf), np.full(size * size, -1)
    reach = 1
    while reach < 2 * size:
        group = np.flatnonzero((span > reach // 2) & (span <= reach) & ((last - first).min(axis=1) >= 0))
        chunk = max(1, (1 << 21) // reach**2)
        for part in (group[start : start + chunk] for start in range(0, len(group), chunk)):
            x = first[part, 0, None, None] + np.arange(reach)[None, None, :] + np.zeros((1, reach, 1), int)
            y = first[part, 1, None, None] + np.arange(reach)[None, :, None] + np.zeros((1, 1, reach), int)
            a, b, c = triangle[part].transpose(1, 2, 0)[..., None, None]
            # Barycentric coordinates: what the areas spanned with the pixel's centre are of the whole.
            whole = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
            px, py = x + 0.5, y + 0.5
            u = ((b[0] - px) * (c[1] - py) - (b[1] - py) * (c[0] - px)) / whole
            v = ((c[0] - px) * (a[1] - py) - (c[1] - py) * (a[0] - px)) / whole
            w = 1 - u - v
            hit = (u >= 0) & (v >= 0) & (w >= 0) & (x < size) & (y < size)
            # 1 / z is linear in the picture.
            ia, ib, ic = inverse[part].T[..., None, None]
            z = (1 / (u * ia + v * ib + w * ic))[hit]
            where = (y * size + x)[hit]
            number = np.broadcast_to(part[:, None, None], hit.shape)[hit]
            np.minimum.at(nearest, where, z)
            winner = z == nearest[where]
            owner[where[winner]] = number[winner]
        reach *= 2
    return nearest.reshape(size, size), owner.reshape(size, size)


def compare_surfaces(found: trimesh.Trimesh, true: trimesh.Trimesh, samples: int = 50_000) -> SurfaceMetrics:
    """Compare points drawn evenly from both surfaces; the threshold is 1 % of the true box's diagonal."""
    (p, pn), (q, qn) = (sample_surface(mesh, samples) for mesh in (found, true))
    diagonal = float(np.linalg.norm(true.bounds[1] - true.bounds[0]))
    return surface_metrics(p, pn, q, qn, threshold=0.01 * diagonal, missing_distance=diagonal)


def sample_surface(mesh: trimesh.Trimesh, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points spread evenly over the faces, and the normals there; none where there is no face."""
    if not len(mesh.faces):
        return np.zeros((0, 3)), np.zeros((0, 3))
    points, face = trimesh.sample.sample_surface(mesh, count, seed=0)[:2]
    return np.asarray(points), mesh.face_normals[face]
