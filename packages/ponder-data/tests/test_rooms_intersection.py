"""Rays against the canonical solids: closed forms, a marching search, and the same maths in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_data.rooms.intersection import canonical_normal, intersect
from ponder_data.rooms.parts import Shape

NEAR = 0.02


def contains(shape: Shape, points: np.ndarray, taper: float) -> np.ndarray:
    """Whether canonical points (points, 3) lie inside the solid, by its definition."""
    if shape is Shape.BOX:
        return np.asarray((np.abs(points) <= 1).all(axis=1))
    if shape is Shape.ELLIPSOID:
        return np.asarray((points**2).sum(axis=1) <= 1)
    radius = 1 + taper * points[:, 2]
    return np.asarray((np.abs(points[:, 2]) <= 1) & (points[:, 0] ** 2 + points[:, 1] ** 2 <= radius**2))


def march(shape: Shape, origin: np.ndarray, direction: np.ndarray, taper: float) -> float:
    """The first t at which the ray changes from outside to inside or back, by small steps and bisection."""
    t = np.linspace(NEAR, 8.0, 16_001)
    inside = contains(shape, origin + t[:, None] * direction, taper)
    (change,) = np.nonzero(inside[1:] != inside[:-1])
    if not len(change):
        return np.inf
    low, high = float(t[change[0]]), float(t[change[0] + 1])
    for _ in range(50):
        middle = 0.5 * (low + high)
        if contains(shape, (origin + middle * direction)[None], taper)[0] == inside[change[0]]:
            low = middle
        else:
            high = middle
    return high


def cast_one(shape: Shape, origin: np.ndarray, direction: np.ndarray, taper: float) -> float:
    o = origin.astype(np.float32)[:, None]
    d = direction.astype(np.float32)[:, None]
    return float(intersect(shape, o, d, np.array([taper], dtype=np.float32), NEAR)[0])


@pytest.mark.parametrize("shape", list(Shape))
def test_hits_agree_with_marching_along_the_ray(shape: Shape) -> None:
    rng = np.random.default_rng(int(shape))
    hits = 0
    for _ in range(60):
        taper = float(rng.uniform(-1, 1)) if shape is Shape.CYLINDER else 0.0
        origin = rng.uniform(-3, 3, 3)
        direction = 0.7 * rng.uniform(-1, 1, 3) - origin
        direction /= np.linalg.norm(direction)
        expected = march(shape, origin, direction, taper)
        found = cast_one(shape, origin, direction, taper)
        if np.isinf(expected) != np.isinf(found):
            # Only a ray that grazes the solid for less than a step may be seen by one and not by the other.
            middle = origin + found * direction
            assert np.isinf(expected)
            assert not contains(shape, (middle + 0.01 * direction)[None], taper)[0]
            continue
        if np.isfinite(expected):
            hits += 1
            assert found == pytest.approx(expected, abs=2e-4)
    assert hits > 20


@pytest.mark.parametrize(
    ("shape", "origin", "direction", "expected"),
    [
        (Shape.BOX, (-3.0, 0.2, 0.3), (1.0, 0.0, 0.0), 2.0),
        (Shape.BOX, (-3.0, 1.5, 0.0), (1.0, 0.0, 0.0), np.inf),
        (Shape.BOX, (0.0, 0.0, 0.0), (0.0, 2.0, 0.0), 0.5),
        (Shape.BOX, (3.0, 0.0, 0.0), (1.0, 0.0, 0.0), np.inf),
        (Shape.BOX, (-2.0, -2.0, 0.0), (1.0, 1.0, 0.0), 1.0),
        (Shape.ELLIPSOID, (-3.0, 0.0, 0.0), (1.0, 0.0, 0.0), 2.0),
        (Shape.ELLIPSOID, (-3.0, 0.0, 0.6), (1.0, 0.0, 0.0), 2.2),
        (Shape.ELLIPSOID, (0.0, 0.0, 0.0), (0.0, 0.0, 1.0), 1.0),
        (Shape.ELLIPSOID, (-3.0, 0.0, 1.01), (1.0, 0.0, 0.0), np.inf),
        (Shape.CYLINDER, (-3.0, 0.6, 0.5), (1.0, 0.0, 0.0), 2.2),
        (Shape.CYLINDER, (0.3, 0.3, 4.0), (0.0, 0.0, -1.0), 3.0),
        (Shape.CYLINDER, (0.9, 0.9, 4.0), (0.0, 0.0, -1.0), np.inf),
        (Shape.CYLINDER, (-3.0, 0.0, 1.5), (1.0, 0.0, 0.0), np.inf),
    ],
)
def test_closed_forms(
    shape: Shape, origin: tuple[float, ...], direction: tuple[float, ...], expected: float
) -> None:
    assert cast_one(shape, np.array(origin), np.array(direction), 0.0) == pytest.approx(expected, rel=1e-5)


def test_a_cone_is_hit_where_its_radius_says() -> None:
    # Radius 1.5 at the top, 0.5 at the bottom: 1 + 0.5 z.
    for z in (-0.8, 0.0, 0.6):
        found = cast_one(Shape.CYLINDER, np.array([-4.0, 0.0, z]), np.array([1.0, 0.0, 0.0]), 0.5)
        assert found == pytest.approx(4.0 - (1.0 + 0.5 * z), rel=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.sampled_from(list(Shape)),
    scale=st.floats(0.1, 10.0),
    seed=st.integers(0, 10_000),
)
def test_t_scales_inversely_with_the_direction(shape: Shape, scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    origin = rng.uniform(2, 4, 3) * rng.choice([-1, 1], 3)
    direction = -origin + rng.uniform(-0.3, 0.3, 3)
    once = cast_one(shape, origin, direction, 0.2)
    scaled = cast_one(shape, origin, scale * direction, 0.2)
    assert scaled * scale == pytest.approx(once, rel=1e-4)


def test_thin_things_far_away_are_met_to_a_tenth_of_a_millimetre() -> None:
    # A rod of 1 cm radius seen from 6 m has canonical coordinates of 600.
    rng = np.random.default_rng(5)
    for shape in (Shape.CYLINDER, Shape.ELLIPSOID):
        aim = rng.uniform(-0.6, 0.6, (100, 2))
        origin = np.array([-600.0, 0.0, 0.0])
        for y, z in aim:
            direction = np.array([600.0, y, z if shape is Shape.ELLIPSOID else 0.3 * z]) / 600.0
            exact = direction.astype(np.float32).astype(np.float64)
            a = exact[0] ** 2 + exact[1] ** 2 + (exact[2] ** 2 if shape is Shape.ELLIPSOID else 0.0)
            b = origin[0] * exact[0]
            t = (-b - np.sqrt(b * b - a * (600.0**2 - 1.0))) / a
            # One canonical unit is 1 cm.
            assert cast_one(shape, origin, direction, 0.0) == pytest.approx(t, abs=0.01)


def test_normals_are_the_gradient_of_the_surface() -> None:
    box_points = np.array([[1.0, 0.3, -0.2], [0.1, -1.0, 0.9]])
    flat = np.zeros(2)
    np.testing.assert_allclose(canonical_normal(Shape.BOX, box_points, flat), [[1, 0, 0], [0, -1, 0]])
    sphere_points = np.array([[0.6, 0.0, 0.8], [0.0, -1.0, 0.0]])
    np.testing.assert_allclose(canonical_normal(Shape.ELLIPSOID, sphere_points, flat), sphere_points)
    taper, z = 0.5, 0.4
    radius = 1 + taper * z
    side = np.array([[radius, 0.0, z], [0.2, 0.1, 1.0]])
    normal = canonical_normal(Shape.CYLINDER, side, np.array([taper, taper]))
    np.testing.assert_allclose(normal[0] / normal[0, 0], [1.0, 0.0, -taper], atol=1e-12)
    np.testing.assert_allclose(normal[1], [0.0, 0.0, 1.0])
