"""The union of parts as one solid: what a procedural piece of furniture is made of, exactly."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from ponder_data.rooms.parts import Part, bounds, part_bounds
from ponder_data.shapes.part_surface import inside_part, sample_part
from ponder_data.shapes.solid import Surface, UnitFrame

_CANDIDATES = 3
"""Points drawn for each one wanted: where parts touch or overlap, many are not on the surface of the union."""

_STEP = 1e-4
"""Of the union's longest side: how far outside of a surface point space must be free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartUnion:
    """All space that lies inside some part.

    Raises:
        ValueError: without any part.
    """

    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError("a union of no parts has no surface; give at least one part")

    def bounds(self) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
        """Axis-aligned corners."""
        return bounds(self.parts)

    def contains(self, point: Float[np.ndarray, "points 3"]) -> Bool[np.ndarray, " points"]:
        """Whether each point lies strictly inside some part. Faces at which two parts touch are outside."""
        found = np.zeros(len(point), dtype=bool)
        for part in self.parts:
            lower, upper = part_bounds(part)
            near = np.flatnonzero(~found & ((point >= lower) & (point <= upper)).all(axis=1))
            found[near] = inside_part(part, point[near])
        return found

    def sample_surface(self, count: int, rng: np.random.Generator) -> Surface:
        """Draw ``count`` points evenly over the surface: faces inside the union, or between parts, have none."""
        rough = np.array([_box_area(part) for part in self.parts])
        shares = np.ceil(_CANDIDATES * count * rough / rough.sum()).astype(int)
        drawn = [sample_part(part, int(share), rng) for part, share in zip(self.parts, shares, strict=True)]
        point, normal = (
            np.concatenate([getattr(part, name) for part in drawn]) for name in ("point", "normal")
        )
        area = np.concatenate([part.area for part in drawn])
        lower, upper = self.bounds()
        open_side = ~self.contains(point + _STEP * float((upper - lower).max()) * normal)
        kept = _spread(np.where(open_side, area, 0.0), count, rng)
        return Surface(point=point[kept], normal=normal[kept])


def to_unit(parts: Sequence[Part], frame: UnitFrame) -> tuple[Part, ...]:
    """Return the parts in a unit frame."""
    return tuple(
        replace(part, center=(part.center - frame.middle) / frame.side, half_size=part.half_size / frame.side)
        for part in parts
    )


def _box_area(part: Part) -> float:
    x, y, z = part.half_size.tolist()
    return 8 * (x * y + y * z + z * x)


def _spread(weight: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw ``count`` indices in proportion to ``weight``, as different as can be (systematic sampling)."""
    order = rng.permutation(len(weight))
    end = np.cumsum(weight[order])
    place = (np.arange(count) + rng.uniform()) * (end[-1] / count)
    drawn = order[np.minimum(np.searchsorted(end, place, side="right"), len(end) - 1)]
    return rng.permutation(drawn)
