"""The solid: something with a closed surface, of which every point of space is inside or outside."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """Points spread evenly over a surface, in random order, with unit normals that point out of the solid."""

    point: Float[np.ndarray, "points 3"]
    normal: Float[np.ndarray, "points 3"]


@runtime_checkable
class Solid(Protocol):
    """What is known of a solid, in the frame it is described in."""

    def contains(self, point: Float[np.ndarray, "points 3"]) -> Bool[np.ndarray, " points"]:
        """Whether each point lies inside. On the surface itself either answer may come out."""
        ...

    def sample_surface(self, count: int, rng: np.random.Generator) -> Surface:
        """Draw ``count`` points evenly over the surface."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFrame:
    """Where a thing's box is moved and scaled to: its middle to the origin, its longest side to 1.

    Attributes:
        middle: of the box, in the thing's own frame.
        side: its longest side.
    """

    middle: Float[np.ndarray, "3"]
    side: float

    def to_unit(self, point: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "points 3"]:
        """Return points of the thing's own frame in the unit frame."""
        return (point - self.middle) / self.side

    def from_unit(self, point: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "points 3"]:
        """Return points of the unit frame in the thing's own."""
        return point * self.side + self.middle


def unit_frame(lower: Float[np.ndarray, "3"], upper: Float[np.ndarray, "3"]) -> UnitFrame:
    """Return the unit frame of a box.

    Raises:
        ValueError: when the box has no extent or is not finite.
    """
    side = float((upper - lower).max())
    if not (np.isfinite(side) and side > 0):
        raise ValueError(
            f"a box from {lower.tolist()} to {upper.tolist()} has no extent, so it cannot be scaled to the unit cube"
        )
    return UnitFrame(middle=0.5 * (lower + upper), side=side)
