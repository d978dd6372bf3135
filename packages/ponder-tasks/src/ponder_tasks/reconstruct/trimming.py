"""Cutting away what nobody has measured: surfaces far from any input point."""

import numpy as np
from jaxtyping import Bool, Float
from ponder_render import Mesh
from scipy.spatial import KDTree


def trim_mesh(mesh: Mesh, points: Float[np.ndarray, "points 3"], distance: float) -> Mesh:
    """Return the part of ``mesh`` whose vertices lie within ``distance`` metres of some point.

    A triangle stays if all its corners do.

    Raises:
        ValueError: when the distance is not positive.
    """
    if not distance > 0:
        raise ValueError(f"a surface cannot be trimmed at {distance} m from the points; give more than 0")
    if not len(mesh.vertices):
        return mesh
    # Vertices without a point within the distance get an infinite one, and cost less to ask about.
    nearest, _ = KDTree(points).query(mesh.vertices, distance_upper_bound=np.nextafter(distance, np.inf))
    return keep_vertices(mesh, np.isfinite(nearest))


def keep_vertices(mesh: Mesh, kept: Bool[np.ndarray, " vertices"]) -> Mesh:
    """Return the triangles of ``mesh`` whose three corners are kept, with the vertices that these use."""
    faces = mesh.faces[kept[mesh.faces].all(axis=1)]
    used = np.unique(faces)
    number = np.zeros(len(mesh.vertices), dtype=np.int64)
    number[used] = np.arange(len(used))
    return Mesh(
        vertices=mesh.vertices[used],
        faces=number[faces],
        normals=mesh.normals[used],
        colors=None if mesh.colors is None else mesh.colors[used],
    )
