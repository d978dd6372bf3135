"""The layout: draws a room's size, shell and furniture."""

from collections.abc import Callable

import numpy as np

from ponder_data.rooms import groups
from ponder_data.rooms.classes import RoomClass
from ponder_data.rooms.materials import sample_palette
from ponder_data.rooms.occupancy import Block
from ponder_data.rooms.openings import build_walls
from ponder_data.rooms.plan import Plan, block_of, plan_room
from ponder_data.rooms.room import STUFF, Placed, Room, assemble_room
from ponder_data.rooms.shell import ceiling_piece, floor_piece, pillar_piece

_NOT_STANDING = STUFF | {RoomClass.RUG, RoomClass.DOOR, RoomClass.CURTAIN}
_FURNISHED = 0.26
_EXTRA_ROUNDS = 2

_LARGE: tuple[tuple[float, Callable[[Plan], None]], ...] = (
    (0.85, groups.add_bed),
    (0.8, groups.add_lounge),
    (0.8, groups.add_dining),
    (0.6, groups.add_desk),
)
_SMALL: tuple[tuple[float, Callable[[Plan], None]], ...] = (
    (0.95, groups.add_shelf),
    (0.95, groups.add_cabinet),
    (0.4, groups.add_cabinet),
    (0.3, groups.add_shelf),
    (0.7, groups.add_floor_lamp),
    (0.8, groups.add_plant),
    (0.3, groups.add_plant),
    (0.4, groups.add_seat),
    (0.4, groups.add_media),
    (0.95, groups.add_pictures),
    (0.5, groups.add_pendant),
    (0.5, groups.add_rug),
)
"""What a room may hold, with how likely it is to be tried. Large groups come first, in random order."""


def furnish(rng: np.random.Generator) -> Room:
    """Draw a furnished room: size, walls with openings, and furniture that does not overlap."""
    width, depth, height = rng.uniform(3.5, 6.0), rng.uniform(3.0, 5.0), rng.uniform(2.4, 2.8)
    plan = plan_room(rng, float(width), float(depth), float(height))
    origin = np.zeros(3)
    floor = floor_piece(sample_palette(rng), plan.width, plan.depth)
    ceiling = ceiling_piece(rng, sample_palette(rng), plan.width, plan.depth, plan.height)
    plan.placed += [Placed(piece=piece, position=origin, heading=0.0) for piece in (floor, ceiling)]
    build_walls(plan)
    if rng.random() < 0.3:
        _add_pillar(plan)
    _grant(plan, _LARGE)
    _grant(plan, _SMALL)
    for _ in range(_EXTRA_ROUNDS):
        if floor_share(plan) < _FURNISHED:
            _grant(plan, _SMALL)
    return assemble_room(plan.width, plan.depth, plan.height, plan.placed)


def _grant(plan: Plan, wishes: tuple[tuple[float, Callable[[Plan], None]], ...]) -> None:
    """Try what is wished for, in random order."""
    for index in plan.rng.permutation(len(wishes)):
        odds, add = wishes[int(index)]
        if plan.rng.random() < odds:
            add(plan)


def floor_share(plan: Plan) -> float:
    """The share of the floor that furniture stands on."""
    blocks = [block_of(item) for item in plan.placed if item.piece.label not in _NOT_STANDING]
    area = sum(4.0 * block.half_width * block.half_depth for block in blocks if block.bottom < 0.1)
    return area / (plan.width * plan.depth)


def _add_pillar(plan: Plan) -> None:
    """A pillar or chimney breast in a corner or at a wall, where no door or window is."""
    for _ in range(8):
        size = plan.rng.uniform(0.25, 0.9, 2)
        room = 0.5 * (np.array([plan.width, plan.depth]) - size)
        place = room * plan.rng.choice([-1.0, 1.0], 2)
        if plan.rng.random() < 0.5:
            place[int(plan.rng.integers(2))] *= plan.rng.uniform(-1, 1)
        block = Block(
            x=float(place[0]),
            y=float(place[1]),
            half_width=0.5 * float(size[0]),
            half_depth=0.5 * float(size[1]),
            heading=0.0,
            bottom=0.0,
            top=plan.height,
        )
        if not plan.occupancy.touches(block.grown(0.15)):
            piece = pillar_piece(
                sample_palette(plan.rng), (block.x, block.y), (float(size[0]), float(size[1])), plan.height
            )
            plan.placed.append(Placed(piece=piece, position=np.zeros(3), heading=0.0))
            plan.occupancy.take(block)
            return
