"""Occupancy: which upright boxes of space are taken, so that nothing is put where something stands."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """An upright box: centre and half sizes on the floor plan (m), heading (rad), lower and upper end (m)."""

    x: float
    y: float
    half_width: float
    half_depth: float
    heading: float
    bottom: float
    top: float

    def footprint(self) -> Float[np.ndarray, "4 2"]:
        """Its four corners on the floor plan, in order."""
        cosine, sine = np.cos(self.heading), np.sin(self.heading)
        signs = np.array([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)])
        local = signs * (self.half_width, self.half_depth)
        turn = np.array([[cosine, sine], [-sine, cosine]])
        return local @ turn + (self.x, self.y)

    def grown(self, margin: float) -> "Block":
        """The same box, wider and deeper by ``margin`` metres on every side."""
        return Block(
            x=self.x,
            y=self.y,
            half_width=self.half_width + margin,
            half_depth=self.half_depth + margin,
            heading=self.heading,
            bottom=self.bottom,
            top=self.top,
        )


def overlap(first: Block, second: Block) -> bool:
    """Whether two upright boxes share space: heights overlap, and no side separates the footprints."""
    if first.bottom >= second.top or second.bottom >= first.top:
        return False
    reach = first.half_width + first.half_depth + second.half_width + second.half_depth
    if abs(first.x - second.x) > reach or abs(first.y - second.y) > reach:
        return False
    offset = (second.x - first.x, second.y - first.y)
    for block in (first, second):
        for quarter in (0.0, 0.5 * np.pi):
            axis = (float(np.cos(block.heading + quarter)), float(np.sin(block.heading + quarter)))
            distance = abs(offset[0] * axis[0] + offset[1] * axis[1])
            if distance >= _extent(first, axis) + _extent(second, axis):
                return False
    return True


def _extent(block: Block, axis: tuple[float, float]) -> float:
    """Half the length of a block's shadow on an axis of the floor plan."""
    cosine, sine = float(np.cos(block.heading)), float(np.sin(block.heading))
    along = abs(cosine * axis[0] + sine * axis[1])
    across = abs(cosine * axis[1] - sine * axis[0])
    return block.half_width * along + block.half_depth * across


@dataclass(slots=True, kw_only=True)
class Occupancy:
    """The blocks taken so far in a ``width`` x ``depth`` room centred on the origin."""

    width: float
    depth: float
    taken: list[Block] = field(default_factory=list)

    def holds(self, block: Block) -> bool:
        """Whether ``block`` lies within the walls."""
        reach = np.abs(block.footprint()).max(axis=0)
        return bool(reach[0] <= 0.5 * self.width and reach[1] <= 0.5 * self.depth)

    def touches(self, block: Block) -> bool:
        """Whether ``block`` shares space with something that is already there."""
        return any(overlap(block, other) for other in self.taken)

    def take(self, block: Block) -> None:
        """Mark the block's space as taken."""
        self.taken.append(block)
