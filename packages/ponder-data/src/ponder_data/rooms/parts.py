"""Parts: the convex solids that everything in a room is assembled from.

A part is one of three canonical solids, stretched, turned and shifted: with
``q = R^T (p - center) / half_size``,

- box: ``max |q| <= 1``;
- cylinder: ``|q_z| <= 1`` and ``q_x^2 + q_y^2 <= (1 + taper q_z)^2``, a cone frustum unless ``taper`` is 0;
- ellipsoid: ``|q| <= 1``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from jaxtyping import Float

from ponder_data.rooms.materials import Material

_NO_TURN = np.eye(3)
Vector = Sequence[float] | Float[np.ndarray, "3"]


class Shape(IntEnum):
    """The canonical solids."""

    BOX = 0
    CYLINDER = 1
    ELLIPSOID = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One solid.

    Attributes:
        shape: which canonical solid.
        center: metres, in the frame the part is described in.
        half_size: half extents along its own axes, metres; for a cylinder, the radii at mid-height.
        rotation: columns are its own axes.
        taper: cylinders only, in [-1, 1]: the radius grows by this share from the middle to the top.
        material: its look.
    """

    shape: Shape
    center: Float[np.ndarray, "3"]
    half_size: Float[np.ndarray, "3"]
    rotation: Float[np.ndarray, "3 3"]
    taper: float = 0.0
    material: Material


def box(
    center: Vector, size: Vector, material: Material, rotation: Float[np.ndarray, "3 3"] = _NO_TURN
) -> Part:
    """A box from its centre and full sizes, metres."""
    return Part(
        shape=Shape.BOX,
        center=np.asarray(center, dtype=float),
        half_size=0.5 * np.asarray(size, dtype=float),
        rotation=rotation,
        material=material,
    )


def ellipsoid(
    center: Vector, size: Vector, material: Material, rotation: Float[np.ndarray, "3 3"] = _NO_TURN
) -> Part:
    """An ellipsoid from its centre and full sizes, metres."""
    return replace(box(center, size, material, rotation), shape=Shape.ELLIPSOID)


def column(
    base: Vector, height: float, radius: float, material: Material, *, top_radius: float | None = None
) -> Part:
    """An upright cylinder standing on ``base``; with ``top_radius`` a cone frustum."""
    top = radius if top_radius is None else top_radius
    middle = 0.5 * (radius + top)
    return Part(
        shape=Shape.CYLINDER,
        center=np.asarray(base, dtype=float) + np.array([0.0, 0.0, 0.5 * height]),
        half_size=np.array([middle, middle, 0.5 * height]),
        rotation=_NO_TURN,
        taper=(top - radius) / (top + radius),
        material=material,
    )


def disc(center: Vector, size: Vector, material: Material) -> Part:
    """An upright elliptic cylinder from its centre and full sizes, metres."""
    return replace(box(center, size, material), shape=Shape.CYLINDER)


def rod(
    start: Vector, end: Vector, radius: float, material: Material, *, end_radius: float | None = None
) -> Part:
    """A round bar between two points, metres; with ``end_radius`` it tapers."""
    first, last = np.asarray(start, dtype=float), np.asarray(end, dtype=float)
    axis = last - first
    length = float(np.linalg.norm(axis))
    upright = column((0.0, 0.0, 0.0), length, radius, material, top_radius=end_radius)
    return replace(upright, center=0.5 * (first + last), rotation=frame_along(axis / length))


def bar(start: Vector, end: Vector, width: float, thickness: float, material: Material) -> Part:
    """A square bar between two points, metres."""
    first, last = np.asarray(start, dtype=float), np.asarray(end, dtype=float)
    axis = last - first
    length = float(np.linalg.norm(axis))
    return box(0.5 * (first + last), (width, thickness, length), material, frame_along(axis / length))


def frame_along(axis: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """A rotation whose third column is the unit vector ``axis``, and its first as near to x as can be."""
    side = np.array([1.0, 0.0, 0.0]) if abs(axis[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    first = side - axis * float(side @ axis)
    first /= np.linalg.norm(first)
    (ax, ay, az), (fx, fy, fz) = axis.tolist(), first.tolist()
    # np.cross takes longer than everything else here, and a street has thousands of rods.
    second = (ay * fz - az * fy, az * fx - ax * fz, ax * fy - ay * fx)
    return np.array([first, second, axis]).T.copy()


def turn_x(angle: float) -> Float[np.ndarray, "3 3"]:
    """Rotation about x by ``angle`` radians."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[1.0, 0.0, 0.0], [0.0, cosine, -sine], [0.0, sine, cosine]])


def turn_y(angle: float) -> Float[np.ndarray, "3 3"]:
    """Rotation about y by ``angle`` radians."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]])


def turn_z(angle: float) -> Float[np.ndarray, "3 3"]:
    """Rotation about z by ``angle`` radians."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def moved(part: Part, position: Float[np.ndarray, "3"], heading: float) -> Part:
    """The part turned about z by ``heading`` radians, then shifted by ``position``."""
    turn = turn_z(heading)
    return replace(part, center=turn @ part.center + position, rotation=turn @ part.rotation)


def part_bounds(part: Part) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Axis-aligned corners of a part in its frame; tight, but for frustums that lie on their side."""
    scaled = part.rotation * part.half_size
    match part.shape:
        case Shape.BOX:
            reach = np.abs(scaled).sum(axis=1)
        case Shape.ELLIPSOID:
            reach = np.sqrt((scaled**2).sum(axis=1))
        case Shape.CYLINDER:
            ring = np.sqrt((scaled[:, :2] ** 2).sum(axis=1)) * (1.0 + abs(part.taper))
            reach = ring + np.abs(scaled[:, 2])
    return part.center - reach, part.center + reach


def bounds(parts: Sequence[Part]) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Axis-aligned corners of several parts in the frame they are described in."""
    corners = [part_bounds(part) for part in parts]
    return np.min([low for low, _ in corners], axis=0), np.max([high for _, high in corners], axis=0)
