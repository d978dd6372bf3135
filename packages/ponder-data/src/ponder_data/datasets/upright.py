"""Turning a world so that its vertical is +Z."""

import math
from typing import Literal

import numpy as np
from jaxtyping import Float

Up = Literal["auto", "x", "-x", "y", "-y", "z", "-z"]

# Half-angles (degrees) in which a normal counts as floor or wall, each for some rounds, coarse to fine.
_CONES = (45.0, 30.0, 15.0, 5.0)
_ROUNDS = 5
_FEWEST_NORMALS = 100


def axis_direction(up: Literal["x", "-x", "y", "-y", "z", "-z"]) -> Float[np.ndarray, "3"]:
    """Return the unit vector of a signed axis."""
    direction = np.zeros(3)
    direction["xyz".index(up[-1])] = -1.0 if up.startswith("-") else 1.0
    return direction


def mean_direction(directions: Float[np.ndarray, "cameras 3"]) -> Float[np.ndarray, "3"]:
    """Return the unit vector along the mean; +Z where the directions cancel out."""
    mean = directions.mean(axis=0)
    length = float(np.linalg.norm(mean))
    return mean / length if length > 1e-6 else np.array([0.0, 0.0, 1.0])


def vertical_of_normals(
    normals: Float[np.ndarray, "points 3"], guess: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "3"]:
    """Return the direction to which floors and table tops are normal and walls are parallel.

    Of the normals within a cone about the present direction (floors), and of those within the same angle of
    its plane (walls), find the unit vector g that maximises ``sum_floor (n . g)^2 - sum_wall (n . g)^2``, an
    eigenvector; repeat with narrower cones. The method is that of Gupta, Arbelaez and Malik, "Perceptual
    organization and recognition of indoor scenes from RGB-D images", CVPR 2013, section 3.1.

    Args:
        normals: unit vectors.
        guess: unit vector less than 45 degrees from the vertical, such as the mean of the cameras' up
            directions.

    Returns:
        The unit vector, on the guess's side; the guess where too few normals lie in the cones to tell better.
    """
    up = guess
    for cone in _CONES:
        wide, narrow = math.cos(math.radians(cone)), math.sin(math.radians(cone))
        for _ in range(_ROUNDS):
            along = np.abs(normals @ up)
            floor, wall = normals[along > wide], normals[along < narrow]
            if len(floor) + len(wall) < _FEWEST_NORMALS or len(floor) == 0:
                return guess
            _, vectors = np.linalg.eigh(floor.T @ floor - wall.T @ wall)
            up = vectors[:, -1] * np.copysign(1.0, vectors[:, -1] @ up)
    return up if up @ guess > math.cos(math.radians(_CONES[0])) else guess


def upright_rotation(up: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """Return the proper rotation that takes the unit vector ``up`` to +Z and keeps x in the plane y = 0.

    Where up is nearly x itself, it does so with y in x's place.
    """
    keep = np.array([0.0, 1.0, 0.0]) if abs(up[0]) > 0.9 else np.array([1.0, 0.0, 0.0])
    first = keep - up * (keep @ up)
    first /= np.linalg.norm(first)
    return np.stack((first, np.cross(up, first), up))
