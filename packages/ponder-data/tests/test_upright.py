import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ponder_data.datasets.upright import axis_direction, mean_direction, upright_rotation, vertical_of_normals


def turned(degrees: float, seed: int) -> np.ndarray:
    """Return a rotation by ``degrees`` about a random axis (Rodrigues' formula)."""
    x, y, z = np.random.default_rng(seed).normal(size=3)
    axis = np.array([x, y, z]) / np.linalg.norm([x, y, z])
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    angle = math.radians(degrees)
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1))
def test_upright_rotation_is_proper_and_lifts_up_to_z(x: float, y: float, z: float) -> None:
    up = mean_direction(np.array([[x, y, z]]))
    rotation = upright_rotation(up)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    np.testing.assert_allclose(rotation @ up, [0, 0, 1], atol=1e-12)


def test_a_world_with_z_up_is_not_turned() -> None:
    np.testing.assert_array_equal(upright_rotation(axis_direction("z")), np.eye(3))


def test_axes_are_signed() -> None:
    assert axis_direction("-y").tolist() == [0.0, -1.0, 0.0]
    assert axis_direction("x").tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("seed", range(5))
def test_the_vertical_of_a_tilted_room_is_found(seed: int) -> None:
    generator = np.random.default_rng(seed)
    floor = np.tile([0.0, 0.0, 1.0], (600, 1))
    yaw = generator.uniform(0, 2 * np.pi, size=3)
    walls = np.repeat(np.stack((np.cos(yaw), np.sin(yaw), 0 * yaw), axis=1), 400, axis=0)
    clutter = generator.normal(size=(500, 3))
    normals = np.concatenate((floor, walls + 0.05 * generator.normal(size=walls.shape), clutter))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    world = turned(70.0, seed)
    guess = world @ turned(25.0, seed + 50)[:, 2]
    found = vertical_of_normals(normals @ world.T, guess)
    # The guess is up to 25 degrees off.
    assert math.degrees(math.acos(min(1.0, float(found @ world[:, 2])))) < 0.7
    assert np.linalg.norm(found) == pytest.approx(1.0)


def test_without_normals_the_guess_stays() -> None:
    guess = mean_direction(np.array([[0.1, 0.9, 0.2]]))
    np.testing.assert_array_equal(vertical_of_normals(np.zeros((0, 3)), guess), guess)
    np.testing.assert_array_equal(vertical_of_normals(np.tile(guess, (5, 1)), guess), guess)


def test_directions_that_cancel_out_mean_z() -> None:
    assert mean_direction(np.array([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])).tolist() == [0.0, 0.0, 1.0]
