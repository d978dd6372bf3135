"""Views of solids against a slow loop over rays and solids, in float64 and without any culling."""

import numpy as np
import pytest
from ponder_data.rooms.camera import Camera, look_at, pinhole
from ponder_data.rooms.materials import Material, Texture, sample_palette
from ponder_data.rooms.parts import Part, Shape, box, column, ellipsoid, frame_along, moved, part_bounds, rod
from ponder_data.rooms.primitives import Primitives, inside_any, stack_parts
from ponder_data.rooms.raycast import NEAR, Hits, cast, covered_pixels, surface_at

GREY = Material(
    texture=Texture.PLAIN,
    color=np.full(3, 0.5),
    second_color=np.full(3, 0.5),
    period=1.0,
    direction=np.array([1.0, 0.0, 0.0]),
    offset=np.zeros(3),
)


def random_solids(seed: int, count: int) -> Primitives:
    """Solids of all shapes, turned every way, before and behind a camera at the origin."""
    rng = np.random.default_rng(seed)
    parts: list[Part] = []
    for _ in range(count):
        axis = rng.standard_normal(3)
        turn = frame_along(axis / np.linalg.norm(axis))
        center, size = rng.uniform(-3, 3, 3), rng.uniform(0.05, 1.2, 3)
        if np.linalg.norm(center) < 0.5 * np.linalg.norm(size) + 0.1:
            continue
        kind = rng.integers(4)
        if kind == 0:
            parts.append(box(center, size, GREY, turn))
        elif kind == 1:
            parts.append(ellipsoid(center, size, GREY, turn))
        elif kind == 2:
            parts.append(rod(center, center + 0.5 * axis, 0.2, GREY, end_radius=0.05))
        else:
            parts.append(column(center, size[2], size[0], GREY, top_radius=0.4 * size[0]))
    return stack_parts(parts, list(range(len(parts))), list(range(len(parts))))


def slow_intersection(primitives: Primitives, index: int, origin: np.ndarray, direction: np.ndarray) -> float:
    """Closed forms of one ray and one solid with all candidates written out, float64."""
    turn = primitives.rotation[index].astype(float)
    half = primitives.half_size[index].astype(float)
    o = turn.T @ (origin - primitives.center[index]) / half
    d = turn.T @ direction / half
    taper = float(primitives.taper[index])
    candidates: list[float] = []
    shape = Shape(int(primitives.shape[index]))
    if shape is Shape.BOX:
        for axis in range(3):
            for side in (-1.0, 1.0):
                if d[axis] != 0:
                    t = (side - o[axis]) / d[axis]
                    others = np.delete(o + t * d, axis)
                    if (np.abs(others) <= 1).all():
                        candidates.append(t)
    elif shape is Shape.ELLIPSOID:
        roots = np.roots([d @ d, 2 * o @ d, o @ o - 1])
        candidates += [root.real for root in roots if abs(root.imag) == 0]
    else:
        radius, slope = 1 + taper * o[2], taper * d[2]
        a = d[0] ** 2 + d[1] ** 2 - slope**2
        b = 2 * (o[0] * d[0] + o[1] * d[1] - radius * slope)
        roots = np.roots([a, b, o[0] ** 2 + o[1] ** 2 - radius**2])
        candidates += [r.real for r in roots if r.imag == 0 and abs(o[2] + r.real * d[2]) <= 1]
        for side in (-1.0, 1.0):
            t = (side - o[2]) / d[2]
            x, y = o[:2] + t * d[:2]
            if x * x + y * y <= (1 + side * taper) ** 2:
                candidates.append(t)
    return min((t for t in candidates if t > NEAR), default=np.inf)


def slow_cast(primitives: Primitives, camera: Camera) -> Hits:
    """The nearest of all solids for every pixel, one by one."""
    depth = np.full(camera.width * camera.height, np.inf)
    owner = np.full(len(depth), -1)
    inverse = np.linalg.inv(camera.intrinsics)
    for v in range(camera.height):
        for u in range(camera.width):
            direction = camera.camera_to_world[:3, :3] @ inverse @ np.array([u, v, 1.0])
            for index in range(len(primitives)):
                t = slow_intersection(primitives, index, camera.position, direction)
                if t < depth[v * camera.width + u]:
                    depth[v * camera.width + u], owner[v * camera.width + u] = t, index
    return Hits(depth=depth, primitive=owner)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_nearest_solid_wins_as_in_a_slow_loop(seed: int) -> None:
    primitives = random_solids(seed, 50)
    rng = np.random.default_rng(100 + seed)
    camera = pinhole(24, 18, 1.6, look_at(np.zeros(3), rng.uniform(-1, 1, 3), 0.3))
    fast, slow = cast(primitives, camera), slow_cast(primitives, camera)
    same = fast.primitive == slow.primitive
    # A ray that grazes an edge may fall to either side of it by rounding.
    assert same.mean() > 0.99
    seen = same & (slow.primitive >= 0)
    assert seen.sum() > 50
    np.testing.assert_allclose(fast.depth[seen], slow.depth[seen], rtol=1e-4, atol=1e-4)
    assert (np.isinf(fast.depth) == (fast.primitive < 0)).all()


def test_what_is_behind_something_or_behind_the_camera_is_not_seen() -> None:
    near = box((0.0, 2.0, 1.0), (0.5, 0.1, 0.5), GREY)
    far = box((0.0, 3.0, 1.0), (2.0, 0.1, 2.0), GREY)
    behind = ellipsoid((0.0, -1.0, 1.0), (1.0, 1.0, 1.0), GREY)
    camera = pinhole(41, 41, 1.0, look_at(np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0])))
    for order in ((0, 1, 2), (2, 1, 0)):
        parts = [(near, far, behind)[i] for i in order]
        hits = cast(stack_parts(parts, list(order), list(order)), camera)
        seen = np.array(order)[hits.primitive].reshape(41, 41)
        depth = hits.depth.reshape(41, 41)
        assert seen[20, 20] == 0
        assert depth[20, 20] == pytest.approx(1.95, rel=1e-5)
        assert seen[20, 9] == 1
        assert depth[20, 9] == pytest.approx(2.95, rel=1e-5)
        assert 2 not in seen[hits.primitive.reshape(41, 41) >= 0]


def test_culling_loses_nothing_even_of_solids_that_reach_behind_the_camera() -> None:
    primitives = random_solids(7, 40)
    wall = stack_parts(
        [box((0.0, 1.0, 0.0), (50.0, 0.2, 50.0), GREY), box((0.0, 0.0, -1.0), (9.0, 9.0, 0.1), GREY)],
        [0, 1],
        [0, 1],
    )
    for solids in (primitives, wall):
        camera = pinhole(20, 15, 1.2, look_at(np.zeros(3), np.array([0.3, 1.0, -0.2]), 0.1))
        rectangles = covered_pixels(solids, camera)
        owner = slow_cast(solids, camera).primitive.reshape(15, 20)
        for v, u in np.argwhere(owner >= 0):
            left, right, top, bottom = rectangles[owner[v, u]]
            assert left <= u < right
            assert top <= v < bottom


def test_surface_points_lie_on_their_solids_and_normals_face_the_camera() -> None:
    primitives = random_solids(3, 30)
    camera = pinhole(40, 30, 1.3, look_at(np.zeros(3), np.array([0.2, 1.0, 0.1])))
    hits = cast(primitives, camera)
    (seen,) = np.nonzero(hits.primitive >= 0)
    v, u = np.divmod(seen, camera.width)
    k = camera.intrinsics
    ray = np.stack([(u - k[0, 2]) / k[0, 0], (v - k[1, 2]) / k[1, 1], np.ones(len(u))], axis=1)
    direction = ray @ camera.camera_to_world[:3, :3].T
    position = (direction * hits.depth[seen, None]).astype(np.float32)
    surface = surface_at(primitives, hits.primitive[seen], position)
    np.testing.assert_allclose(np.linalg.norm(surface.normal, axis=1), 1.0, rtol=1e-5)
    assert ((surface.normal * direction).sum(axis=1) < 1e-3).all()
    # A step along the normal leaves the solid, a step against it enters.
    for sign, expected in ((0.01, False), (-0.01, True)):
        moved_points = position + sign * surface.normal
        offset = moved_points - primitives.center[hits.primitive[seen]]
        local = np.einsum("pi,pij->pj", offset, primitives.rotation[hits.primitive[seen]])
        canonical = local / primitives.half_size[hits.primitive[seen]]
        shape = primitives.shape[hits.primitive[seen]]
        taper = primitives.taper[hits.primitive[seen]]
        radius = (canonical[:, :2] ** 2).sum(axis=1)
        inside = np.where(
            shape == Shape.BOX,
            (np.abs(canonical) <= 1).all(axis=1),
            np.where(
                shape == Shape.ELLIPSOID,
                (canonical**2).sum(axis=1) <= 1,
                (np.abs(canonical[:, 2]) <= 1) & (radius <= (1 + taper * canonical[:, 2]) ** 2),
            ),
        )
        assert (inside == expected).mean() > 0.97


def test_bounds_hold_every_point_of_a_part() -> None:
    rng = np.random.default_rng(2)
    palette = sample_palette(rng)
    for _ in range(20):
        axis = rng.standard_normal(3)
        axis /= np.linalg.norm(axis)
        size = rng.uniform(0.1, 1.0, 3)
        for part in (
            box(rng.uniform(-1, 1, 3), size, palette[0], frame_along(axis)),
            ellipsoid(rng.uniform(-1, 1, 3), size, palette[0], frame_along(axis)),
            moved(rod((0.0, 0.0, 0.0), axis, 0.2, palette[0], end_radius=0.1), np.ones(3), 0.7),
        ):
            low, high = part_bounds(part)
            q = rng.standard_normal((2000, 3))
            q /= np.linalg.norm(q, axis=1, keepdims=True)
            if part.shape is Shape.BOX:
                q /= np.abs(q).max(axis=1, keepdims=True)
            if part.shape is Shape.CYLINDER:
                q[:, 2] = rng.choice([-1.0, 1.0], 2000)
                ring = q[:, :2] / np.linalg.norm(q[:, :2], axis=1, keepdims=True)
                q[:, :2] = ring * (1 + part.taper * q[:, 2:])
            points = part.center + (q * part.half_size) @ part.rotation.T
            assert (points >= low - 1e-9).all()
            assert (points <= high + 1e-9).all()
            slack = 0.25 if part.shape is Shape.CYLINDER else 0.1
            assert (points.min(axis=0) - low < slack * (high - low) + 1e-9).all()


def test_inside_any_knows_inside_from_outside() -> None:
    solids = stack_parts([box((0.0, 0.0, 1.0), (1.0, 2.0, 1.0), GREY)], [0], [0])
    points = np.array([[0.0, 0.9, 1.0], [0.0, 1.05, 1.0], [0.0, 1.2, 1.0]])
    assert inside_any(solids, points, 0.0).tolist() == [True, False, False]
    assert inside_any(solids, points, 0.1).tolist() == [True, True, False]


def test_looking_straight_down_is_refused() -> None:
    with pytest.raises(ValueError, match="straight up or down"):
        look_at(np.zeros(3), np.array([0.0, 0.0, -1.0]))


def test_labels_must_come_one_per_part() -> None:
    with pytest.raises(ValueError, match="1 parts, 2 classes and 1 instances"):
        stack_parts([box((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), GREY)], [0, 1], [0])
