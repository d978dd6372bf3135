"""Groups of furniture that belong together: tables with chairs, sofas with low tables, beds with nightstands.

Every function tries to add its group to a plan and leaves out what finds no place.
"""

import numpy as np

from ponder_data.rooms.furniture.beds import bed
from ponder_data.rooms.furniture.decor import (
    floor_lamp,
    pendant_lamp,
    plant,
    small_plant,
    standing_screen,
    table_lamp,
    wall_screen,
)
from ponder_data.rooms.furniture.fixtures import picture, rug
from ponder_data.rooms.furniture.piece import Piece, PieceBuilder
from ponder_data.rooms.furniture.seats import chair, office_chair, sofa, stool
from ponder_data.rooms.furniture.storage import chest, nightstand, shelf, sideboard, wardrobe
from ponder_data.rooms.furniture.tables import coffee_table, desk, dining_table
from ponder_data.rooms.materials import sample_palette
from ponder_data.rooms.parts import turn_z
from ponder_data.rooms.plan import (
    Plan,
    block_of,
    put_at_wall,
    put_beside,
    put_freely,
    put_in_front,
    put_on,
    put_on_wall,
    replace_height,
)
from ponder_data.rooms.room import Placed


def _draw(plan: Plan, build: PieceBuilder) -> Piece:
    return build(plan.rng, sample_palette(plan.rng))


def _any(plan: Plan, *builders: PieceBuilder) -> Piece:
    return _draw(plan, builders[int(plan.rng.integers(len(builders)))])


def add_dining(plan: Plan) -> None:
    """A table with chairs around it, all of one design, and perhaps a lamp above and something on it."""
    table = put_freely(plan, _draw(plan, dining_table), margin=0.45, spread=0.8)
    if table is None:
        table = put_at_wall(plan, _draw(plan, dining_table))
    if table is None:
        return
    low, high = table.piece.bounds()
    seat = _any(plan, chair, chair, chair, stool)
    places = [(0.0, 1.0), (0.0, -1.0), (1.0, 0.0), (-1.0, 0.0)]
    if high[0] > 0.65:
        places += [(0.5, 1.0), (-0.5, 1.0), (0.5, -1.0), (-0.5, -1.0)]
        places = places[2:]
    for index in plan.rng.permutation(len(places))[: int(plan.rng.integers(2, 7))]:
        _put_chair_at(plan, table, seat, np.array(places[int(index)]), 0.5 * (high - low)[:2])
    if plan.rng.random() < 0.5:
        _hang_lamp(plan, table.position)
    if plan.rng.random() < 0.5:
        put_on(plan, table, _any(plan, small_plant, table_lamp), plan.rng.uniform(0, 2 * np.pi))


def _put_chair_at(plan: Plan, table: Placed, seat: Piece, place: np.ndarray, half: np.ndarray) -> None:
    """A chair at one side of a table, looking at it, more or less pushed in."""
    outward = np.where(np.abs(place) == 1.0, place, 0.0)
    reach = max(seat.bounds()[1][1], 0.18) + plan.rng.uniform(0.01, 0.22)
    local = place * half + outward * reach
    turn = np.arctan2(outward[0], -outward[1]) + plan.rng.normal(0.0, 0.15)
    position = turn_z(table.heading) @ np.array([local[0], local[1], 0.0]) + table.position
    plan.try_put(seat, replace_height(position, 0.0), table.heading + turn, 0.0)


def add_desk(plan: Plan) -> None:
    """A desk at a wall with a chair before it and a screen, a lamp or a plant on it."""
    table = put_at_wall(plan, _draw(plan, desk))
    if table is None:
        return
    if plan.rng.random() < 0.75:
        put_on(plan, table, _draw(plan, standing_screen), plan.rng.normal(0.0, 0.1))
    if plan.rng.random() < 0.5:
        put_on(plan, table, _any(plan, table_lamp, small_plant), plan.rng.uniform(0, 2 * np.pi))
    seat = _any(plan, office_chair, office_chair, chair, stool)
    shift, turn = plan.rng.uniform(-0.2, 0.2), np.pi + plan.rng.normal(0.0, 0.35)
    put_in_front(plan, table, seat, plan.rng.uniform(0.0, 0.2), shift, turn)


def add_lounge(plan: Plan) -> None:
    """A sofa, mostly at a wall, with a low table, and perhaps a rug, an armchair, a lamp and a screen."""
    piece = _draw(plan, sofa)
    couch = put_at_wall(plan, piece) if plan.rng.random() < 0.8 else put_freely(plan, piece, margin=0.25)
    if couch is None:
        couch = put_at_wall(plan, _draw(plan, sofa))
    if couch is None:
        return
    table = None
    if plan.rng.random() < 0.75:
        gap, shift = plan.rng.uniform(0.25, 0.45), plan.rng.uniform(-0.3, 0.3)
        table = put_in_front(plan, couch, _draw(plan, coffee_table), gap, shift)
    if table is not None:
        if plan.rng.random() < 0.6:
            _lay_rug(plan, table)
        if plan.rng.random() < 0.35:
            put_on(plan, table, _any(plan, small_plant, table_lamp), plan.rng.uniform(0, 2 * np.pi))
    if plan.rng.random() < 0.35:
        put_freely(plan, _any(plan, sofa, chair), margin=0.1)
    if plan.rng.random() < 0.6:
        add_media(plan)
    if plan.rng.random() < 0.4:
        put_beside(plan, couch, _draw(plan, floor_lamp), plan.rng.choice([-1.0, 1.0]), 0.08)


def add_media(plan: Plan) -> None:
    """A screen: on a sideboard at a wall, or hanging."""
    if plan.rng.random() < 0.6:
        board = put_at_wall(plan, _draw(plan, sideboard))
        if board is not None and put_on(plan, board, _draw(plan, standing_screen)) is not None:
            return
    put_on_wall(plan, _draw(plan, wall_screen), plan.rng.uniform(0.85, 1.25))


def add_bed(plan: Plan) -> None:
    """A bed with its head at a wall, nightstands with lamps beside it, and perhaps a rug."""
    item = None
    for _ in range(3):
        item = item or put_at_wall(plan, _draw(plan, bed))
    if item is None:
        return
    stand = _draw(plan, nightstand)
    for side in (-1.0, 1.0):
        if plan.rng.random() < 0.65:
            beside = put_beside(plan, item, stand, side, plan.rng.uniform(0.03, 0.12))
            if beside is not None and plan.rng.random() < 0.7:
                put_on(
                    plan,
                    beside,
                    _any(plan, table_lamp, table_lamp, small_plant),
                    plan.rng.uniform(0, 2 * np.pi),
                )
    if plan.rng.random() < 0.35:
        _lay_rug(plan, item)


def add_shelf(plan: Plan) -> None:
    """A shelf at a wall, sometimes with a plant on top."""
    item = put_at_wall(plan, _draw(plan, shelf))
    if item is not None and plan.rng.random() < 0.5:
        put_on(plan, item, _any(plan, small_plant, table_lamp), plan.rng.uniform(0, 2 * np.pi))


def add_cabinet(plan: Plan) -> None:
    """A wardrobe, sideboard or chest at a wall, with something on the low ones."""
    item = put_at_wall(plan, _any(plan, wardrobe, sideboard, chest))
    if item is not None and plan.rng.random() < 0.6:
        put_on(plan, item, _any(plan, small_plant, table_lamp, standing_screen))


def add_floor_lamp(plan: Plan) -> None:
    """A floor lamp at a wall or in a corner."""
    put_at_wall(plan, _draw(plan, floor_lamp))


def add_plant(plan: Plan) -> None:
    """A plant on the floor, at a wall or in a corner."""
    put_at_wall(plan, _draw(plan, plant))


def add_seat(plan: Plan) -> None:
    """A single chair or stool somewhere."""
    put_freely(plan, _any(plan, chair, stool, office_chair), margin=0.05)


def add_rug(plan: Plan) -> None:
    """A rug somewhere on the floor."""
    piece = _sized_rug(plan, plan.rng.uniform(1.0, 2.2), plan.rng.uniform(0.7, 1.5))
    room = 0.5 * np.array([plan.width, plan.depth]) - piece.bounds()[1].max() - 0.05
    x, y = plan.rng.uniform(-1, 1, 2) * np.maximum(room, 0.0)
    _spread(plan, piece, np.array([x, y, 0.0]), float(plan.rng.integers(2)) * 0.5 * np.pi)


def add_pictures(plan: Plan) -> None:
    """One to four pictures on the walls."""
    for _ in range(int(plan.rng.integers(1, 5))):
        put_on_wall(plan, _draw(plan, picture), plan.rng.uniform(1.1, 1.6))


def add_pendant(plan: Plan) -> None:
    """A lamp hanging from the ceiling near the middle of the room."""
    x, y = plan.rng.uniform(-0.3, 0.3, 2) * (plan.width, plan.depth)
    _hang_lamp(plan, np.array([x, y, 0.0]))


def _hang_lamp(plan: Plan, above: np.ndarray) -> None:
    plan.try_put(_draw(plan, pendant_lamp), replace_height(above, plan.height - 1e-3), 0.0)


def _sized_rug(plan: Plan, width: float, depth: float) -> Piece:
    return rug(plan.rng, sample_palette(plan.rng), width, depth)


def _lay_rug(plan: Plan, below: Placed) -> None:
    """A rug under a piece, larger than it."""
    low, high = below.piece.bounds()
    extra = plan.rng.uniform(0.5, 1.2, 2)
    piece = _sized_rug(plan, float(high[0] - low[0] + extra[0]), float(high[1] - low[1] + extra[1]))
    _spread(plan, piece, replace_height(below.position, 0.0), below.heading)


def _spread(plan: Plan, piece: Piece, position: np.ndarray, heading: float) -> None:
    """Lay a rug if it fits between the walls; it lies under the furniture, so it takes no space."""
    item = Placed(piece=piece, position=position, heading=heading)
    taken = [other.piece.label for other in plan.placed if other.piece.label == piece.label]
    if not taken and plan.occupancy.holds(block_of(item)):
        plan.placed.append(item)
