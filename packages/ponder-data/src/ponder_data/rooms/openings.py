"""Doors and windows: where the walls open, what fills the openings, and the curtains beside them."""

from dataclasses import dataclass

import numpy as np

from ponder_data.rooms.furniture.fixtures import curtain, door, window
from ponder_data.rooms.furniture.piece import Piece
from ponder_data.rooms.materials import Palette, sample_palette
from ponder_data.rooms.occupancy import Block
from ponder_data.rooms.plan import Plan
from ponder_data.rooms.room import Placed
from ponder_data.rooms.shell import Opening, Wall, wall_piece

_DOOR_SPACE = 0.75
_WINDOW_SPACE = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hole:
    wall: int
    opening: Opening
    is_door: bool


def build_walls(plan: Plan) -> None:
    """Open the walls, place walls, doors, windows and curtains, and keep the space before them free."""
    holes = _choose_holes(plan)
    wall_palette, skirting = sample_palette(plan.rng), sample_palette(plan.rng)
    board = float(plan.rng.uniform(0.05, 0.14)) if plan.rng.random() < 0.75 else 0.0
    accent = int(plan.rng.integers(8))
    for index, wall in enumerate(plan.walls):
        openings = [hole.opening for hole in holes if hole.wall == index]
        # Now and then one wall is painted in another way.
        palette = Palette(materials=wall_palette.materials[1:]) if index == accent else wall_palette
        piece = wall_piece(wall, openings, palette, skirting, plan.height, board)
        plan.placed.append(Placed(piece=piece, position=np.zeros(3), heading=0.0))
    door_palette, window_palette, curtain_palette = (sample_palette(plan.rng) for _ in range(3))
    curtains = plan.rng.random() < 0.65
    for hole in holes:
        wall = plan.walls[hole.wall]
        _fill_hole(plan, wall, hole, door_palette if hole.is_door else window_palette)
        if curtains and not hole.is_door:
            _hang_curtains(plan, wall, hole.opening, curtain_palette)


def _choose_holes(plan: Plan) -> list[_Hole]:
    holes: list[_Hole] = []
    for _ in range(1 if plan.rng.random() < 0.8 else 2):
        top = plan.rng.uniform(1.95, 2.12)
        _add_hole(plan, holes, float(plan.rng.uniform(0.75, 0.98)), 0.0, float(top), is_door=True)
    for _ in range(int(plan.rng.choice([1, 2, 3], p=[0.45, 0.4, 0.15]))):
        bottom = plan.rng.uniform(0.45, 1.05)
        top = min(plan.rng.uniform(1.85, 2.3), plan.height - 0.15)
        _add_hole(plan, holes, float(plan.rng.uniform(0.7, 1.8)), float(bottom), float(top), is_door=False)
    return holes


def _add_hole(
    plan: Plan, holes: list[_Hole], width: float, bottom: float, top: float, *, is_door: bool
) -> None:
    for _ in range(12):
        index = int(plan.rng.integers(4))
        room = 0.5 * plan.walls[index].length - 0.5 * width - 0.2
        middle = float(plan.rng.uniform(-room, room))
        apart = [
            abs(other.opening.middle - middle) > 0.5 * (other.opening.width + width) + 0.4
            for other in holes
            if other.wall == index
        ]
        if room > 0.0 and all(apart):
            opening = Opening(middle=middle, width=width, bottom=bottom, top=top)
            holes.append(_Hole(wall=index, opening=opening, is_door=is_door))
            return


def _fill_hole(plan: Plan, wall: Wall, hole: _Hole, palette: Palette) -> None:
    opening = hole.opening
    height = opening.top - opening.bottom
    recess = float(plan.rng.uniform(0.03, 0.12))
    build = door if hole.is_door else window
    piece = build(plan.rng, palette, opening.width, height, recess)
    position = wall.to_room(opening.middle, 0.0, opening.bottom)
    plan.placed.append(Placed(piece=piece, position=position, heading=wall.heading))
    space = _DOOR_SPACE if hole.is_door else _WINDOW_SPACE
    front = wall.to_room(opening.middle, 0.5 * space, 0.0)
    plan.occupancy.take(
        Block(
            x=float(front[0]),
            y=float(front[1]),
            half_width=0.5 * opening.width + 0.1,
            half_depth=0.5 * space,
            heading=wall.heading,
            bottom=max(0.0, opening.bottom - 0.08),
            top=opening.top + 0.1,
        )
    )


def _hang_curtains(plan: Plan, wall: Wall, opening: Opening, palette: Palette) -> None:
    """A curtain on each side of a window that has space for it, down to the floor or to below the sill."""
    top = min(opening.top + float(plan.rng.uniform(0.14, 0.3)), plan.height - 0.04)
    low = 0.02 if plan.rng.random() < 0.65 else opening.bottom - 0.15
    width = float(plan.rng.uniform(0.25, 0.5))
    for side in (-1.0, 1.0):
        middle = opening.middle + side * (0.5 * opening.width + 0.35 * width)
        if abs(middle) + 0.5 * width > 0.5 * wall.length - 0.08:
            continue
        piece: Piece = curtain(plan.rng, palette, width, top - low)
        item = Placed(piece=piece, position=wall.to_room(middle, 0.02, low), heading=wall.heading)
        plan.put(item.piece, item.position, item.heading)
