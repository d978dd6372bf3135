"""The plan of a room while it is being furnished: walls, taken space and what has been placed."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from ponder_data.rooms.furniture.piece import Piece
from ponder_data.rooms.occupancy import Block, Occupancy
from ponder_data.rooms.parts import turn_z
from ponder_data.rooms.room import Placed
from ponder_data.rooms.shell import Wall, room_walls

_TRIES = 24


@dataclass(slots=True, kw_only=True)
class Plan:
    """A room in the making.

    Attributes:
        rng: the one source of randomness.
        width, depth, height: metres.
        occupancy: taken space.
        placed: what stands in the room so far.
    """

    rng: np.random.Generator
    width: float
    depth: float
    height: float
    occupancy: Occupancy
    placed: list[Placed] = field(default_factory=list)

    @property
    def walls(self) -> tuple[Wall, ...]:
        """The four walls."""
        return room_walls(self.width, self.depth)

    def put(self, piece: Piece, position: Float[np.ndarray, "3"], heading: float) -> Placed:
        """Place a piece without asking, and take the space of its bounding box."""
        item = Placed(piece=piece, position=position, heading=heading)
        self.placed.append(item)
        self.occupancy.take(block_of(item))
        return item

    def try_put(
        self, piece: Piece, position: Float[np.ndarray, "3"], heading: float, margin: float = 0.02
    ) -> Placed | None:
        """Place a piece if its bounding box, grown sideways by ``margin`` metres, is free."""
        item = Placed(piece=piece, position=position, heading=heading)
        block = block_of(item)
        if not self.occupancy.holds(block) or self.occupancy.touches(block.grown(margin)):
            return None
        return self.put(piece, position, heading)


def plan_room(rng: np.random.Generator, width: float, depth: float, height: float) -> Plan:
    """An empty plan."""
    return Plan(
        rng=rng, width=width, depth=depth, height=height, occupancy=Occupancy(width=width, depth=depth)
    )


def block_of(item: Placed) -> Block:
    """The upright box that a placed piece fills."""
    low, high = item.piece.bounds()
    middle = turn_z(item.heading) @ (0.5 * (low + high)) + item.position
    return Block(
        x=float(middle[0]),
        y=float(middle[1]),
        half_width=float(0.5 * (high[0] - low[0])),
        half_depth=float(0.5 * (high[1] - low[1])),
        heading=item.heading,
        bottom=float(item.position[2] + low[2]),
        top=float(item.position[2] + high[2]),
    )


def put_at_wall(plan: Plan, piece: Piece, walls: Iterable[Wall] | None = None) -> Placed | None:
    """Try places along the walls for a piece with its back (-y) to the wall."""
    low, high = piece.bounds()
    choices = list(plan.walls if walls is None else walls)
    for _ in range(_TRIES):
        wall = choices[int(plan.rng.integers(len(choices)))]
        room = 0.5 * wall.length - 0.5 * (high[0] - low[0]) - 0.03
        if room <= 0.0:
            continue
        # Furniture likes corners: half of the time it slides to an end of the wall.
        along = room * (plan.rng.choice([-1.0, 1.0]) if plan.rng.random() < 0.3 else plan.rng.uniform(-1, 1))
        gap = plan.rng.uniform(0.02, 0.06)
        position = wall.to_room(along - 0.5 * (low[0] + high[0]), gap - low[1], 0.0)
        item = plan.try_put(piece, position, wall.heading)
        if item is not None:
            return item
    return None


def put_freely(plan: Plan, piece: Piece, margin: float, spread: float = 1.0) -> Placed | None:
    """Try places anywhere on the floor, mostly square to the walls.

    Args:
        plan: the room.
        piece: what to place.
        margin: free space to keep on every side, metres.
        spread: share of the room, from its middle, in which to try.
    """
    for _ in range(_TRIES):
        half = 0.5 * spread * np.array([plan.width, plan.depth])
        x, y = plan.rng.uniform(-half, half)
        tilt = plan.rng.normal(0.0, 0.06) if plan.rng.random() < 0.7 else plan.rng.uniform(-0.8, 0.8)
        heading = float(plan.rng.integers(4)) * 0.5 * np.pi + tilt
        item = plan.try_put(piece, np.array([x, y, 0.0]), heading, margin)
        if item is not None:
            return item
    return None


def put_in_front(
    plan: Plan, anchor: Placed, piece: Piece, gap: float, shift: float = 0.0, turn: float = 0.0
) -> Placed | None:
    """Try to place a piece before the front (+y) of another, ``gap`` metres away and ``shift`` to its right.

    ``turn`` is the piece's heading relative to the anchor's; pi makes the two face each other.
    """
    low, high = piece.bounds()
    reach = max(abs(low[1]), abs(high[1])) if np.cos(2 * turn) > 0.5 else max(abs(low[0]), abs(high[0]))
    local = np.array([shift, anchor.piece.bounds()[1][1] + gap + reach, 0.0])
    position = turn_z(anchor.heading) @ local + anchor.position
    return plan.try_put(piece, replace_height(position, 0.0), anchor.heading + turn, 0.0)


def put_beside(plan: Plan, anchor: Placed, piece: Piece, side: float, gap: float) -> Placed | None:
    """Try to place a piece to the right (``side`` = 1) or left (-1) of another, backs in line."""
    low, high = piece.bounds()
    anchor_low, anchor_high = anchor.piece.bounds()
    edge = anchor_high[0] if side > 0 else anchor_low[0]
    local = np.array([edge + side * (gap + 0.5 * (high[0] - low[0])), anchor_low[1] - low[1] + 0.01, 0.0])
    position = turn_z(anchor.heading) @ local + anchor.position
    return plan.try_put(piece, replace_height(position, 0.0), anchor.heading, 0.0)


def put_on(plan: Plan, anchor: Placed, piece: Piece, turn: float = 0.0) -> Placed | None:
    """Try to stand a piece on the support of another, ``turn`` radians from its heading."""
    support = anchor.piece.support
    if support is None:
        return None
    low, high = piece.bounds()
    room = 0.5 * np.array([support.width, support.depth]) - 0.5 * (high - low)[:2] - 0.01
    if (room < 0.0).any():
        return None
    for _ in range(6):
        shift = plan.rng.uniform(-room, room) - 0.5 * (low + high)[:2]
        local = support.center + np.array([shift[0], shift[1], 0.001])
        position = turn_z(anchor.heading) @ local + anchor.position
        item = plan.try_put(piece, position, anchor.heading + turn, 0.01)
        if item is not None:
            return item
    return None


def put_on_wall(plan: Plan, piece: Piece, bottom: float) -> Placed | None:
    """Try places on the walls for a piece that hangs there, ``bottom`` metres above the floor."""
    low, high = piece.bounds()
    for _ in range(_TRIES):
        wall = plan.walls[int(plan.rng.integers(4))]
        room = 0.5 * wall.length - high[0] - 0.05
        if room <= 0.0 or bottom + high[2] > plan.height - 0.1:
            continue
        position = wall.to_room(plan.rng.uniform(-room, room), 0.002 - low[1], bottom)
        item = Placed(piece=piece, position=position, heading=wall.heading)
        # What hangs on a wall must not be hidden right behind something.
        seen = replace(block_of(item).grown(0.03), half_depth=0.3)
        if plan.occupancy.holds(block_of(item)) and not plan.occupancy.touches(seen):
            return plan.put(piece, position, wall.heading)
    return None


def replace_height(position: Float[np.ndarray, "3"], height: float) -> Float[np.ndarray, "3"]:
    """The same place on the floor plan at another height."""
    return np.array([position[0], position[1], height])
