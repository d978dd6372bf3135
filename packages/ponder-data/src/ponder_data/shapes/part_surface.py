"""The surface of one part: points spread over it, each with the area that it stands for.

A part is ``p = c + A u`` with ``A = R diag(h)`` and ``u`` on a canonical solid (see ``rooms/parts.py``). A piece of
the canonical surface with unit normal ``n`` and area ``da`` becomes one of area ``det(A) |A^-T n| da`` and normal
``A^-T n = R (n / h)``.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from ponder_data.rooms.parts import Part, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSurface:
    """Random points of a part's surface; ``area`` sums up to about the surface's own."""

    point: Float[np.ndarray, "points 3"]
    normal: Float[np.ndarray, "points 3"]
    area: Float[np.ndarray, " points"]


def sample_part(part: Part, count: int, rng: np.random.Generator) -> PartSurface:
    """Draw about ``count`` points, at least four."""
    u, n, area = {Shape.BOX: _cube, Shape.CYLINDER: _frustum, Shape.ELLIPSOID: _sphere}[part.shape](
        max(count, 4), part.taper, rng
    )
    stretched = n / part.half_size
    length = np.linalg.norm(stretched, axis=1)
    return PartSurface(
        point=part.center + (u * part.half_size) @ part.rotation.T,
        normal=(stretched / length[:, None]) @ part.rotation.T,
        area=area * length * part.half_size.prod(),
    )


def inside_part(part: Part, point: Float[np.ndarray, "points 3"]) -> Bool[np.ndarray, " points"]:
    """Whether each point lies strictly inside a part."""
    u = ((point - part.center) @ part.rotation) / part.half_size
    match part.shape:
        case Shape.BOX:
            return np.less(np.abs(u).max(axis=1), 1)
        case Shape.ELLIPSOID:
            return np.less((u * u).sum(axis=1), 1)
        case Shape.CYLINDER:
            radius = 1 + part.taper * u[:, 2]
            return (np.abs(u[:, 2]) < 1) & (u[:, 0] ** 2 + u[:, 1] ** 2 < radius**2)


Canonical = tuple[Float[np.ndarray, "points 3"], Float[np.ndarray, "points 3"], Float[np.ndarray, " points"]]
"""Points on a canonical solid, their unit normals, and the area that each stands for."""


def _cube(count: int, taper: float, rng: np.random.Generator) -> Canonical:
    point = rng.uniform(-1, 1, size=(count, 3))
    axis, sign = rng.integers(3, size=count), rng.choice([-1.0, 1.0], size=count)
    point[np.arange(count), axis] = sign
    normal = np.zeros_like(point)
    normal[np.arange(count), axis] = sign
    return point, normal, np.full(count, 24.0 / count)


def _sphere(count: int, taper: float, rng: np.random.Generator) -> Canonical:
    point = rng.normal(size=(count, 3))
    point /= np.linalg.norm(point, axis=1, keepdims=True)
    return point, point, np.full(count, 4 * np.pi / count)


def _frustum(count: int, taper: float, rng: np.random.Generator) -> Canonical:
    """Half of the points on the side, a quarter on each end."""
    side, bottom = count - 2 * (count // 4), count // 4
    turn = rng.uniform(0, 2 * np.pi, size=count)
    around = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    z = rng.uniform(-1, 1, size=count)
    z[side:] = np.repeat([-1.0, 1.0], [bottom, count - side - bottom])
    edge = 1 + taper * z
    radius = edge * np.where(np.arange(count) < side, 1.0, np.sqrt(rng.uniform(size=count)))
    slant = np.hypot(1.0, taper)
    normal = np.concatenate([around, np.full((count, 1), -taper)], axis=1) / slant
    normal[side:] = 0.0
    normal[side:, 2] = z[side:]
    area = edge * slant * 4 * np.pi / side
    area[side:] = np.pi * edge[side:] ** 2 / bottom
    return np.concatenate([around * radius[:, None], z[:, None]], axis=1), normal, area
