"""Cutting a mesh to where points are, against a slow loop."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_render import Mesh
from ponder_tasks.reconstruct.trimming import keep_vertices, trim_mesh


def random_mesh(seed: int, vertices: int, faces: int, colored: bool = True) -> Mesh:
    rng = np.random.default_rng(seed)
    normal = rng.normal(size=(vertices, 3))
    return Mesh(
        vertices=rng.uniform(-1, 1, size=(vertices, 3)).astype(np.float32),
        faces=np.stack([rng.permutation(vertices)[:3] for _ in range(faces)]),
        normals=(normal / np.linalg.norm(normal, axis=1, keepdims=True)).astype(np.float32),
        colors=rng.uniform(size=(vertices, 3)).astype(np.float32) if colored else None,
    )


def triangles(mesh: Mesh) -> list[tuple[float, ...]]:
    """Return each triangle as the numbers of its corners, with normals and colours."""
    assert mesh.colors is not None
    rows = np.concatenate([mesh.vertices, mesh.normals, mesh.colors], axis=1)
    return [tuple(rows[face].ravel().tolist()) for face in mesh.faces]


@given(st.integers(0, 2**31), st.floats(0.05, 1.5))
@settings(max_examples=40, deadline=None)
def test_triangles_stay_whose_corners_are_all_near_a_point(seed: int, distance: float) -> None:
    mesh = random_mesh(seed, vertices=20, faces=30)
    points = np.random.default_rng(seed + 1).uniform(-1, 1, size=(7, 3)).astype(np.float32)

    def near(vertex: np.ndarray) -> bool:
        return min(math.dist(vertex, point) for point in points) <= distance

    expected = [
        row
        for face, row in zip(mesh.faces, triangles(mesh), strict=True)
        if all(near(mesh.vertices[i]) for i in face)
    ]
    trimmed = trim_mesh(mesh, points, distance)
    assert triangles(trimmed) == expected
    assert sorted(set(trimmed.faces.ravel().tolist())) == list(range(len(trimmed.vertices)))


def test_a_mesh_without_colours_or_triangles_is_trimmed_too() -> None:
    mesh = random_mesh(0, vertices=9, faces=12, colored=False)
    kept = keep_vertices(mesh, np.ones(9, dtype=bool))
    assert kept.colors is None
    assert len(kept.faces) == 12
    nothing = keep_vertices(mesh, np.zeros(9, dtype=bool))
    assert (len(nothing.vertices), len(nothing.faces), len(nothing.normals)) == (0, 0, 0)
    assert len(trim_mesh(nothing, np.zeros((1, 3), dtype=np.float32), 1.0).faces) == 0


def test_a_distance_that_is_none_is_told() -> None:
    with pytest.raises(ValueError, match=r"at 0\.0 m"):
        trim_mesh(random_mesh(0, 9, 4), np.zeros((1, 3), dtype=np.float32), 0.0)
