"""The shell of a room: floor, ceiling, walls with openings, skirting boards, beams and pillars."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ponder_data.rooms.classes import RoomClass
from ponder_data.rooms.furniture.piece import Piece
from ponder_data.rooms.materials import Palette
from ponder_data.rooms.parts import Part, box, moved

WALL_THICKNESS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A hole in a wall: its middle along the wall, width, and lower and upper height, metres."""

    middle: float
    width: float
    bottom: float
    top: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """One wall seen from inside: x runs along it with 0 in its middle, y points into the room.

    Attributes:
        position: the middle of its foot in the room, metres.
        heading: turns the wall's frame into the room's, radians.
        length: metres.
    """

    position: Float[np.ndarray, "3"]
    heading: float
    length: float

    def to_room(self, along: float, inward: float, height: float) -> Float[np.ndarray, "3"]:
        """A point given in the wall's frame, in the room's."""
        cosine, sine = np.cos(self.heading), np.sin(self.heading)
        shift = np.array([cosine * along - sine * inward, sine * along + cosine * inward, height])
        return self.position + shift


def room_walls(width: float, depth: float) -> tuple[Wall, ...]:
    """The four walls of a ``width`` (x) by ``depth`` (y) room centred on the origin."""
    return (
        Wall(position=np.array([0.0, -0.5 * depth, 0.0]), heading=0.0, length=width),
        Wall(position=np.array([0.5 * width, 0.0, 0.0]), heading=0.5 * np.pi, length=depth),
        Wall(position=np.array([0.0, 0.5 * depth, 0.0]), heading=np.pi, length=width),
        Wall(position=np.array([-0.5 * width, 0.0, 0.0]), heading=-0.5 * np.pi, length=depth),
    )


def floor_piece(palette: Palette, width: float, depth: float) -> Piece:
    """The floor: its upper side is z = 0."""
    size = (width + 2 * WALL_THICKNESS, depth + 2 * WALL_THICKNESS, 0.1)
    return Piece(label=RoomClass.FLOOR, parts=(box((0.0, 0.0, -0.05), size, palette[0]),))


def ceiling_piece(
    rng: np.random.Generator, palette: Palette, width: float, depth: float, height: float
) -> Piece:
    """The ceiling: its lower side is z = ``height``; one in four has beams."""
    size = (width + 2 * WALL_THICKNESS, depth + 2 * WALL_THICKNESS, 0.1)
    parts = [box((0.0, 0.0, height + 0.05), size, palette[0])]
    if rng.random() < 0.25:
        drop, thick = rng.uniform(0.06, 0.14), rng.uniform(0.08, 0.16)
        for x in np.linspace(-0.5 * width, 0.5 * width, int(rng.integers(4, 7)))[1:-1]:
            parts.append(box((x, 0.0, height - 0.5 * drop), (thick, depth, drop), palette[1]))
    return Piece(label=RoomClass.CEILING, parts=tuple(parts))


def wall_piece(
    wall: Wall, openings: list[Opening], palette: Palette, skirting: Palette, height: float, board: float
) -> Piece:
    """One wall in room coordinates: boxes around its openings, and a skirting board ``board`` metres high.

    Args:
        wall: where it stands.
        openings: holes that do not overlap along the wall.
        palette: the wall's own look.
        skirting: the look of all skirting boards of the room.
        height: of the room.
        board: height of the skirting board, 0 for none.
    """
    parts: list[Part] = []
    end = 0.5 * wall.length + WALL_THICKNESS
    left = -end
    for opening in sorted(openings, key=lambda hole: hole.middle):
        low, high = opening.middle - 0.5 * opening.width, opening.middle + 0.5 * opening.width
        parts += _stretch(left, low, 0.0, height, palette, skirting, board)
        parts += _stretch(low, high, 0.0, opening.bottom, palette, skirting, board)
        parts += _stretch(low, high, opening.top, height, palette, skirting, 0.0)
        left = high
    parts += _stretch(left, end, 0.0, height, palette, skirting, board)
    return Piece(
        label=RoomClass.WALL, parts=tuple(moved(part, wall.position, wall.heading) for part in parts)
    )


def pillar_piece(
    palette: Palette, center: tuple[float, float], size: tuple[float, float], height: float
) -> Piece:
    """A block of wall from floor to ceiling, such as a chimney breast."""
    part = box((center[0], center[1], 0.5 * height), (size[0], size[1], height), palette[0])
    return Piece(label=RoomClass.WALL, parts=(part,))


def _stretch(
    left: float, right: float, bottom: float, top: float, palette: Palette, skirting: Palette, board: float
) -> list[Part]:
    """A piece of wall between two places and two heights; on the floor it gets a skirting board."""
    if right - left < 1e-3 or top - bottom < 1e-3:
        return []
    middle, width = 0.5 * (left + right), right - left
    center = (middle, -0.5 * WALL_THICKNESS, 0.5 * (bottom + top))
    parts = [box(center, (width, WALL_THICKNESS, top - bottom), palette[0])]
    if board > 0.0 and bottom == 0.0:
        parts.append(box((middle, 0.0075, 0.5 * board), (width, 0.015, board), skirting[0]))
    return parts
