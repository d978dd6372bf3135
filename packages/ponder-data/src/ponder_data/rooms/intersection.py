"""Where rays meet the canonical solids.

Every function takes origins and directions in a solid's canonical coordinates (see `parts`), axis by axis,
and returns the smallest ``t > near`` at which ``origin + t * direction`` enters or leaves the solid, infinity
where it never does. Since mapping to canonical coordinates is linear and directions are not normalised, ``t``
means the same as in the world. Arrays are (3, pairs): one axis contiguous, which is what keeps these
functions fast.
"""

import numpy as np
from jaxtyping import Float

from ponder_data.rooms.parts import Shape

Axes = Float[np.ndarray, "3 pairs"]
Values = Float[np.ndarray, " pairs"]

_TINY = np.float32(1e-9)
"""Added to directions: an exact zero would give 0/0 for a ray that runs in the plane of a face."""


def intersect(shape: Shape, origin: Axes, direction: Axes, taper: Values, near: float) -> Values:
    """First meeting of each ray with its canonical solid; all pairs are of one shape."""
    match shape:
        case Shape.BOX:
            return intersect_box(origin, direction, near)
        case Shape.CYLINDER:
            return intersect_cylinder(origin, direction, taper, near)
        case Shape.ELLIPSOID:
            return intersect_sphere(origin, direction, near)


def intersect_box(origin: Axes, direction: Axes, near: float) -> Values:
    """The cube [-1, 1]^3, by slabs."""
    inverse = 1.0 / (direction + _TINY)
    middle = -origin * inverse
    reach = np.abs(inverse)
    enter = (middle - reach).max(axis=0)
    leave = (middle + reach).min(axis=0)
    t = np.where(enter > near, enter, leave)
    return np.where((enter <= leave) & (t > near), t, np.float32(np.inf))


def intersect_sphere(origin: Axes, direction: Axes, near: float) -> Values:
    """The unit sphere."""
    start, foot, squared = _nearest_point(origin, direction)
    depth = (1.0 - (foot * foot).sum(axis=0)) / squared
    half_chord = np.sqrt(np.maximum(depth, 0.0))
    enter, leave = start - half_chord, start + half_chord
    t = np.where(enter > near, enter, leave)
    return np.where((depth >= 0.0) & (t > near), t, np.float32(np.inf))


def intersect_cylinder(origin: Axes, direction: Axes, taper: Values, near: float) -> Values:
    """The frustum ``|z| <= 1, x^2 + y^2 <= (1 + taper z)^2``: side by a quadratic, ends as discs."""
    start, (x, y, z), _ = _nearest_point(origin, direction)
    dx, dy, dz = direction
    radius = 1.0 + taper * z
    slope = taper * dz
    # a s^2 + 2 b s + c = 0 for s = t - start.
    a = dx * dx + dy * dy - slope * slope + _TINY
    b = x * dx + y * dy - radius * slope
    c = x * x + y * y - radius * radius
    discriminant = b * b - a * c
    root = np.sqrt(np.maximum(discriminant, 0.0))
    near_offset = near - start
    best = np.full_like(z, np.inf)
    for numerator in (-b - root, -b + root):
        s = numerator / a
        valid = (discriminant >= 0.0) & (np.abs(z + s * dz) <= 1.0) & (s > near_offset)
        best = np.where(valid & (s < best), s, best)
    for end in (np.float32(-1.0), np.float32(1.0)):
        s = (end - z) / (dz + _TINY)
        distance = (x + s * dx) ** 2 + (y + s * dy) ** 2
        valid = (distance <= (1.0 + end * taper) ** 2) & (s > near_offset)
        best = np.where(valid & (s < best), s, best)
    return best + start


def _nearest_point(origin: Axes, direction: Axes) -> tuple[Values, Axes, Values]:
    """Where each ray passes closest to the solid's centre: t, the point there, and the squared direction.

    Solving from there and not from the camera keeps float32 exact for thin things far away, whose canonical
    origins are large numbers.
    """
    squared = (direction * direction).sum(axis=0) + _TINY * _TINY
    start = -(origin * direction).sum(axis=0) / squared
    return start, origin + start * direction, squared


def canonical_normal(
    shape: Shape, position: Float[np.ndarray, "points 3"], taper: Float[np.ndarray, " points"]
) -> Float[np.ndarray, "points 3"]:
    """Outward gradient of the solid's surface at canonical points on it, of any length."""
    normal = position.copy()
    if shape is Shape.BOX:
        return np.where(
            np.abs(position) == np.abs(position).max(axis=1, keepdims=True), np.sign(position), 0.0
        )
    if shape is Shape.CYLINDER:
        radius = 1.0 + taper * position[:, 2]
        beyond_side = position[:, 0] ** 2 + position[:, 1] ** 2 - radius * radius
        on_end = np.abs(np.abs(position[:, 2]) - 1.0) < np.abs(beyond_side)
        normal[:, 2] = -taper * radius
        normal[on_end] = 0.0
        normal[on_end, 2] = np.sign(position[on_end, 2])
    return normal
