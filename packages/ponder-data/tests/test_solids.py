"""Solids against closed forms: insides, areas, evenness, and distances."""

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_data.rooms.materials import sample_palette
from ponder_data.rooms.parts import Part, Shape, box, column, ellipsoid, rod, turn_x, turn_z
from ponder_data.shapes.mesh_solid import MeshSolid
from ponder_data.shapes.part_surface import inside_part, sample_part
from ponder_data.shapes.part_union import PartUnion, to_unit
from ponder_data.shapes.shape import Shape as SolidShape
from ponder_data.shapes.solid import Solid, unit_frame

MATERIAL = sample_palette(np.random.default_rng(0))[0]


def random_part(shape: Shape, seed: int) -> Part:
    rng = np.random.default_rng(seed)
    return Part(
        shape=shape,
        center=rng.uniform(-1, 1, 3),
        half_size=rng.uniform(0.2, 1.5, 3),
        rotation=turn_z(rng.uniform(0, 6)) @ turn_x(rng.uniform(0, 6)),
        taper=float(rng.uniform(-0.9, 0.9)) if shape is Shape.CYLINDER else 0.0,
        material=MATERIAL,
    )


@given(st.sampled_from(list(Shape)), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_a_parts_points_lie_on_its_surface_and_normals_point_out(shape: Shape, seed: int) -> None:
    part = random_part(shape, seed)
    drawn = sample_part(part, 200, np.random.default_rng(seed))
    np.testing.assert_allclose(np.linalg.norm(drawn.normal, axis=1), 1, atol=1e-12)
    assert inside_part(part, drawn.point - 1e-6 * drawn.normal).mean() > 0.97  # points at edges may leave
    assert not inside_part(part, drawn.point + 1e-6 * drawn.normal).any()


AREAS = [
    (box((1.0, 2.0, 3.0), (1.0, 2.0, 0.5), MATERIAL, turn_x(0.4)), 2 * (2.0 + 1.0 + 0.5)),
    (ellipsoid((0.0, 0.0, 0.0), (1.4, 1.4, 1.4), MATERIAL), 4 * np.pi * 0.7**2),
    (column((0.0, 0.0, 0.0), 2.0, 0.5, MATERIAL), 2 * np.pi * 0.5 * 2.0 + 2 * np.pi * 0.25),
    (
        rod((0.0, 1.0, 0.0), (2.0, 1.0, 0.0), 0.6, MATERIAL, end_radius=0.2),
        np.pi * (0.6 + 0.2) * np.hypot(2.0, 0.4) + np.pi * (0.36 + 0.04),
    ),
    # An oblate spheroid of half axes a = a > c: 2 pi a^2 + pi c^2 / e ln((1 + e) / (1 - e)), e^2 = 1 - c^2 / a^2.
    (
        ellipsoid((0.0, 0.0, 0.0), (2.0, 2.0, 1.0), MATERIAL),
        2 * np.pi + np.pi * 0.25 / 0.75**0.5 * np.log((1 + 0.75**0.5) / (1 - 0.75**0.5)),
    ),
]


@pytest.mark.parametrize(("part", "area"), AREAS)
def test_the_areas_of_a_parts_points_add_up_to_its_area(part: Part, area: float) -> None:
    drawn = sample_part(part, 100_000, np.random.default_rng(0))
    assert drawn.area.sum() == pytest.approx(area, rel=5e-3)


def test_points_are_spread_evenly_over_an_ellipsoid() -> None:
    """Between two heights a spheroid has as many points as its closed-form zone has area (Archimedes for a sphere)."""
    ball = PartUnion(parts=(ellipsoid((0.0, 0.0, 0.0), (2.0, 2.0, 2.0), MATERIAL),))
    height = ball.sample_surface(20_000, np.random.default_rng(1)).point[:, 2]
    counts = np.histogram(height, bins=10, range=(-1, 1))[0]
    assert np.abs(counts - 2000).max() < 5 * 2000**0.5
    flat = PartUnion(parts=(box((0.0, 0.0, 0.0), (4.0, 1.0, 1.0), MATERIAL),)).sample_surface(
        9000, np.random.default_rng(2)
    )
    ends = np.abs(flat.normal[:, 0]) > 0.5
    assert ends.mean() == pytest.approx(2 / 18, abs=0.01)


def test_a_union_has_no_surface_inside_or_where_parts_touch() -> None:
    """Two cubes side by side are one bar; a third inside it does not show."""
    cubes = (box((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), MATERIAL), box((1.0, 0.0, 0.0), (1.0, 1.0, 1.0), MATERIAL))
    hidden = box((0.5, 0.0, 0.0), (0.5, 0.5, 0.5), MATERIAL)
    union = PartUnion(parts=(*cubes, hidden))
    surface = union.sample_surface(6000, np.random.default_rng(0))
    assert len(surface.point) == 6000
    assert (np.abs(surface.point - [0.5, 0, 0]) / [1.0, 0.5, 0.5]).max(axis=1) == pytest.approx(1.0)
    ends = np.abs(surface.normal[:, 0]) > 0.5
    assert ends.mean() == pytest.approx(2 / 10, abs=0.02)
    lower, upper = union.bounds()
    assert (lower.tolist(), upper.tolist()) == ([-0.5, -0.5, -0.5], [1.5, 0.5, 0.5])


def test_a_union_contains_what_some_part_contains() -> None:
    parts = tuple(random_part(shape, seed) for seed, shape in enumerate([*Shape, *Shape]))
    point = np.random.default_rng(0).uniform(-3, 3, size=(3000, 3))
    slow = [any(bool(inside_part(part, p[None])[0]) for part in parts) for p in point]
    assert PartUnion(parts=parts).contains(point).tolist() == slow
    assert 0.02 < np.mean(slow) < 0.9
    with pytest.raises(ValueError, match="no parts"):
        PartUnion(parts=())


MESHES = [
    (trimesh.creation.box((1, 2, 1.5)), lambda p: (np.abs(p) < [0.5, 1, 0.75]).all(axis=1)),
    (
        trimesh.creation.torus(0.8, 0.3, major_sections=128, minor_sections=64),
        lambda p: (np.hypot(p[:, 0], p[:, 1]) - 0.8) ** 2 + p[:, 2] ** 2 < 0.09,
    ),
    (
        trimesh.creation.icosphere(5),
        lambda p: np.linalg.norm(p, axis=1) < 1,
    ),
]


@pytest.mark.parametrize(("mesh", "inside"), MESHES)
def test_a_mesh_contains_what_its_equation_says(mesh: trimesh.Trimesh, inside) -> None:
    point = np.random.default_rng(0).uniform(-1.3, 1.3, size=(40_000, 3))
    found, true = MeshSolid(mesh).contains(point), inside(point)
    # Facets cut a little off the curved ones.
    assert (found != true).mean() < 3e-3
    assert not (found & ~true).any()
    assert isinstance(MeshSolid(mesh), Solid)


def test_points_under_edges_and_corners_are_judged_right() -> None:
    """A lattice whose points lie right under the edges, diagonals and corners of a subdivided box."""
    solid = MeshSolid(trimesh.creation.box((2, 2, 2)).subdivide().subdivide())
    axis = np.linspace(-1.5, 1.5, 13)
    point = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)
    point = point[np.abs(np.abs(point).max(axis=1) - 1) > 1e-9]
    assert solid.contains(point).tolist() == (np.abs(point).max(axis=1) < 1).tolist()


def test_a_mesh_inside_another_makes_a_hollow() -> None:
    outer, inner = trimesh.creation.box((2, 2, 2)), trimesh.creation.box((1, 1, 1))
    inner.invert()
    both = trimesh.util.concatenate([outer, inner])
    assert isinstance(both, trimesh.Trimesh)
    hollow = MeshSolid(both)
    point = np.random.default_rng(0).uniform(-1.2, 1.2, size=(5000, 3))
    reach = np.abs(point).max(axis=1)
    assert hollow.contains(point).tolist() == ((reach < 1) & (reach > 0.5)).tolist()
    assert hollow.contains(np.zeros((0, 3))).shape == (0,)


def test_a_mesh_with_a_hole_has_no_inside() -> None:
    box_mesh = trimesh.creation.box((1, 1, 1))
    open_box = trimesh.Trimesh(box_mesh.vertices, box_mesh.faces[1:], process=False)
    with pytest.raises(ValueError, match="11 triangles is not watertight"):
        MeshSolid(open_box)


def test_distances_from_a_ball_are_those_of_its_equation() -> None:
    ball = PartUnion(parts=(ellipsoid((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), MATERIAL),))
    shape = SolidShape(name="ball", solid=ball, surface=ball.sample_surface(20_000, np.random.default_rng(0)))
    point = np.random.default_rng(1).uniform(-0.55, 0.55, size=(3000, 3))
    true = np.linalg.norm(point, axis=1) - 0.5
    found = shape.signed_distance(point)
    assert shape.spacing < 0.02
    assert np.abs(found - true).max() < 3 * shape.spacing  # random points leave gaps
    assert np.abs(found - true)[np.abs(true) < 0.1].mean() < 1e-3
    assert ((found < 0) == (true < 0)).all()


def test_the_unit_frame_takes_the_longest_side_to_one() -> None:
    parts = (box((3.0, 4.0, 5.0), (2.0, 1.0, 0.5), MATERIAL),)
    frame = unit_frame(*PartUnion(parts=parts).bounds())
    lower, upper = PartUnion(parts=to_unit(parts, frame)).bounds()
    np.testing.assert_allclose([lower, upper], [[-0.5, -0.25, -0.125], [0.5, 0.25, 0.125]])
    point = np.array([[4.0, 4.5, 5.25]])
    np.testing.assert_allclose(frame.to_unit(point), [[0.5, 0.25, 0.125]])
    np.testing.assert_allclose(frame.from_unit(frame.to_unit(point)), point)
    with pytest.raises(ValueError, match="has no extent"):
        unit_frame(np.zeros(3), np.zeros(3))
