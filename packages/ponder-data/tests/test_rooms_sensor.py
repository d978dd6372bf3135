"""The depth sensor and the normals of its images, against known surfaces."""

import numpy as np
import pytest
from ponder_data.rooms.depth_normals import depth_normals
from ponder_data.rooms.depth_sensor import DepthSensorConfig, sense_depth
from ponder_data.rooms.picture import Picture

INTRINSICS = np.array([[120.0, 0.0, 79.5], [0.0, 120.0, 59.5], [0.0, 0.0, 1.0]])
PERFECT = DepthSensorConfig(
    noise_base=0, noise_growth=0, quantum=0, grazing_cosine=0, edge_drop=0, patches=0, random_drop=0
)


def plane_picture(normal: np.ndarray, distance: float) -> Picture:
    """A picture of the plane ``normal . x = -distance`` in the camera's frame; the normal faces it."""
    v, u = np.mgrid[:120, :160]
    ray = np.stack([(u - 79.5) / 120.0, (v - 59.5) / 120.0, np.ones_like(u, dtype=float)], axis=-1)
    depth = -distance / (ray @ normal)
    cosine = -(ray @ normal) / np.linalg.norm(ray, axis=-1)
    shape = depth.shape
    return Picture(
        color=np.zeros((*shape, 3), dtype=np.float32),
        depth=depth.astype(np.float32),
        normal=np.broadcast_to(normal, (*shape, 3)).astype(np.float32),
        cosine=cosine.astype(np.float32),
        semantic=np.zeros(shape, dtype=np.int64),
        instance=np.zeros(shape, dtype=np.int64),
    )


def test_a_perfect_sensor_changes_nothing() -> None:
    picture = plane_picture(np.array([0.0, 0.0, -1.0]), 2.0)
    np.testing.assert_allclose(sense_depth(np.random.default_rng(0), picture, PERFECT), 2.0, rtol=1e-6)


@pytest.mark.parametrize("z", [1.0, 2.0, 4.0])
def test_noise_grows_with_the_square_of_the_distance(z: float) -> None:
    config = PERFECT.model_copy(update={"noise_base": 0.001, "noise_growth": 0.002})
    picture = plane_picture(np.array([0.0, 0.0, -1.0]), z)
    error = sense_depth(np.random.default_rng(0), picture, config) - z
    assert error.std() == pytest.approx(0.001 + 0.002 * (z - 0.4) ** 2, rel=0.03)
    assert abs(error.mean()) < 0.1 * error.std()


def test_depth_is_rounded_to_the_quantum() -> None:
    config = PERFECT.model_copy(update={"noise_growth": 0.002, "quantum": 0.01})
    sensed = sense_depth(np.random.default_rng(0), plane_picture(np.array([0.0, 0.0, -1.0]), 2.0), config)
    np.testing.assert_allclose(sensed * 100, np.round(sensed * 100), atol=1e-3)


def test_holes_come_from_range_grazing_edges_patches_and_chance() -> None:
    rng = np.random.default_rng(0)
    wall = plane_picture(np.array([0.0, 0.0, -1.0]), 2.0)

    def lost(picture: Picture, **change: float) -> float:
        return float((sense_depth(rng, picture, PERFECT.model_copy(update=change)) == 0).mean())

    assert lost(wall, farthest=1.9) == 1.0
    assert lost(wall, nearest=2.1) == 1.0
    assert lost(wall, random_drop=0.25) == pytest.approx(0.25, abs=0.02)
    assert 0.0 < np.mean([lost(wall, patches=3.0) for _ in range(20)]) < 0.3
    slanted = plane_picture(np.array([0.0, -0.995, -0.1]) / np.linalg.norm([0.0, 0.995, 0.1]), 3.0)
    steep = slanted.cosine < 0.3
    dropped = (
        sense_depth(rng, slanted, PERFECT.model_copy(update={"grazing_cosine": 0.3, "farthest": 1e9})) == 0
    )
    expected = 1.0 - slanted.cosine[steep & (slanted.depth > 0)].mean() / 0.3
    assert dropped[steep & (slanted.depth > 0)].mean() == pytest.approx(expected, abs=0.05)
    step = wall.depth.copy()
    step[:, 80:] = 3.0
    stepped = Picture(
        color=wall.color,
        depth=step,
        normal=wall.normal,
        cosine=wall.cosine,
        semantic=wall.semantic,
        instance=wall.instance,
    )
    holes = sense_depth(rng, stepped, PERFECT.model_copy(update={"edge_drop": 1.0})) == 0
    assert holes[:, 79:81].all()
    assert not holes[:, :79].any()
    assert not holes[:, 81:].any()


@pytest.mark.parametrize("normal", [(0.0, 0.0, -1.0), (0.3, -0.8, -0.5), (-0.6, 0.1, -0.7)])
def test_normals_of_a_plane_are_exact_without_noise(normal: tuple[float, ...]) -> None:
    unit = np.array(normal) / np.linalg.norm(normal)
    picture = plane_picture(unit, 1.2)
    depth = np.where((picture.depth > 0.2) & (picture.depth < 4.0), picture.depth, 0.0).astype(np.float32)
    found = depth_normals(depth, INTRINSICS)
    valid = np.abs(found).sum(axis=2) > 0
    assert valid[depth > 0].mean() > 0.9
    assert (found[valid] @ unit).min() > np.cos(np.radians(1.0))


def test_normals_stay_within_some_degrees_under_sensor_noise() -> None:
    unit = np.array([0.2, -0.5, -0.8]) / np.linalg.norm([0.2, 0.5, 0.8])
    picture = plane_picture(unit, 1.5)
    sensed = sense_depth(np.random.default_rng(0), picture, DepthSensorConfig())
    found = depth_normals(sensed, INTRINSICS)
    valid = np.abs(found).sum(axis=2) > 0
    angle = np.degrees(np.arccos(np.clip(found[valid] @ unit, -1, 1)))
    assert np.median(angle) < 8.0


def test_normals_are_missing_where_depth_is() -> None:
    depth = plane_picture(np.array([0.0, 0.0, -1.0]), 2.0).depth.copy()
    depth[40:80, 50:90] = 0.0
    found = depth_normals(depth, INTRINSICS)
    assert not found[40:80, 50:90].any()
    assert (found[:30] @ np.array([0.0, 0.0, -1.0]) > 0.999).all()
