"""Tables: dining tables, desks and coffee tables."""

import numpy as np

from ponder_data.rooms.classes import RoomClass
from ponder_data.rooms.furniture.legs import four_legs, pedestal
from ponder_data.rooms.furniture.piece import Piece, Support
from ponder_data.rooms.materials import Palette
from ponder_data.rooms.parts import Part, box, disc


def dining_table(rng: np.random.Generator, palette: Palette) -> Piece:
    """A table to sit at: rectangular, square, round or oval; on legs, panels or a pedestal."""
    height = rng.uniform(0.68, 0.80)
    if rng.random() < 0.4:
        width = rng.uniform(0.8, 1.2)
        depth = width * (1.0 if rng.random() < 0.7 else rng.uniform(0.7, 0.9))
        return _table(rng, palette, width, depth, height, round_top=True)
    depth = rng.uniform(0.7, 0.95)
    width = depth if rng.random() < 0.25 else rng.uniform(1.0, 1.8)
    return _table(rng, palette, width, depth, height, round_top=False)


def coffee_table(rng: np.random.Generator, palette: Palette) -> Piece:
    """A low table: round, oval or rectangular, sometimes with a second plate below."""
    height = rng.uniform(0.34, 0.52)
    width = rng.uniform(0.55, 1.15)
    depth = min(width, rng.uniform(0.45, 0.75))
    if rng.random() < 0.4:
        return _table(rng, palette, width, width if rng.random() < 0.6 else depth, height, round_top=True)
    table = _table(rng, palette, width, depth, height, round_top=False)
    if rng.random() < 0.4:
        lower = box((0.0, 0.0, 0.35 * height), (width - 0.12, depth - 0.12, 0.02), palette[1])
        return Piece(label=table.label, parts=(*table.parts, lower), support=table.support)
    return table


def desk(rng: np.random.Generator, palette: Palette) -> Piece:
    """A writing desk to stand at a wall: on legs, side panels, or with a block of drawers on one side."""
    width, depth, height = rng.uniform(1.0, 1.5), rng.uniform(0.5, 0.72), rng.uniform(0.70, 0.78)
    top = rng.uniform(0.02, 0.045)
    parts = [box((0.0, 0.0, height - 0.5 * top), (width, depth, top), palette[0])]
    under = height - top
    style = rng.choice(["legs", "panels", "drawers"])
    if style == "legs":
        parts += four_legs(rng, palette[1], width - 0.04, depth - 0.04, under, rng.uniform(0.03, 0.06))
    else:
        parts += _side_panels(palette, width, depth, under)
        parts.append(
            box((0.0, -0.5 * depth + 0.06, 0.65 * under), (width - 0.08, 0.02, 0.5 * under), palette[1])
        )
    if style == "drawers":
        block = rng.uniform(0.32, 0.45)
        x = rng.choice([-1.0, 1.0]) * 0.5 * (width - block - 0.06)
        drawers = int(rng.integers(2, 5))
        parts.append(box((x, 0.0, 0.5 * under + 0.03), (block, depth - 0.06, under - 0.06), palette[1]))
        for row in range(drawers):
            z = 0.06 + (row + 0.5) * (under - 0.06) / drawers
            parts.append(
                box(
                    (x, 0.5 * depth - 0.02, z),
                    (block - 0.03, 0.02, 0.85 * (under - 0.06) / drawers),
                    palette[2],
                )
            )
            parts.append(box((x, 0.5 * depth, z), (0.1, 0.03, 0.015), palette[3]))
    support = Support(center=np.array([0.0, 0.0, height]), width=width, depth=depth)
    return Piece(label=RoomClass.TABLE, parts=tuple(parts), support=support)


def _table(
    rng: np.random.Generator, palette: Palette, width: float, depth: float, height: float, *, round_top: bool
) -> Piece:
    top = rng.uniform(0.02, 0.06)
    under = height - top
    size = (width, depth, top)
    center = (0.0, 0.0, height - 0.5 * top)
    parts = [disc(center, size, palette[0]) if round_top else box(center, size, palette[0])]
    # Legs of a round top stand on the square inside its rim.
    inner = 0.72 if round_top else 0.96
    style = rng.choice(["legs", "pedestal"] if round_top else ["legs", "legs", "panels", "pedestal"])
    if style == "legs":
        thickness = rng.uniform(0.03, 0.08)
        parts += four_legs(rng, palette[1], inner * width, inner * depth, under, thickness)
        if rng.random() < 0.5:
            parts += _apron(palette, inner * width - thickness, inner * depth - thickness, under)
    elif style == "panels":
        parts += _side_panels(palette, width - 0.1, depth, under)
        parts.append(box((0.0, 0.0, 0.3 * height), (width - 0.14, 0.04, 0.08), palette[1]))
    else:
        parts += pedestal(rng, palette[1], 0.3 * min(width, depth), under)
    shrink = 0.7 if round_top else 1.0
    support = Support(center=np.array([0.0, 0.0, height]), width=shrink * width, depth=shrink * depth)
    return Piece(label=RoomClass.TABLE, parts=tuple(parts), support=support)


def _apron(palette: Palette, width: float, depth: float, top: float) -> list[Part]:
    board = 0.08
    z = top - 0.5 * board
    return [
        *(box((0.0, side * 0.5 * depth, z), (width, 0.02, board), palette[1]) for side in (-1.0, 1.0)),
        *(box((side * 0.5 * width, 0.0, z), (0.02, depth, board), palette[1]) for side in (-1.0, 1.0)),
    ]


def _side_panels(palette: Palette, width: float, depth: float, height: float) -> list[Part]:
    return [
        box((side * (0.5 * width - 0.03), 0.0, 0.5 * height), (0.035, 0.9 * depth, height), palette[1])
        for side in (-1.0, 1.0)
    ]
