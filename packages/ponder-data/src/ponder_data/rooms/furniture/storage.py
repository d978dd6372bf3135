"""Storage: open shelves with books, and cabinets with doors or drawers."""

from itertools import pairwise

import numpy as np

from ponder_data.rooms.classes import RoomClass
from ponder_data.rooms.furniture.legs import short_feet
from ponder_data.rooms.furniture.piece import Piece, Support
from ponder_data.rooms.materials import Palette, sample_palette
from ponder_data.rooms.parts import Part, box, column, ellipsoid, turn_y


def shelf(rng: np.random.Generator, palette: Palette) -> Piece:
    """An open shelf: sides or posts, boards, with or without a back, filled with books, boxes and bowls."""
    width, depth = rng.uniform(0.55, 1.2), rng.uniform(0.24, 0.38)
    height = rng.uniform(0.75, 1.1) if rng.random() < 0.3 else rng.uniform(1.4, 2.1)
    boards = max(3, round(height / rng.uniform(0.3, 0.42)) + 1)
    thick = rng.uniform(0.018, 0.035)
    levels = np.linspace(rng.uniform(0.03, 0.1), height - 0.5 * thick, boards)
    parts = [box((0.0, 0.0, z), (width, depth, thick), palette[0]) for z in levels]
    parts += _uprights(rng, palette, width, depth, height)
    if rng.random() < 0.5:
        parts.append(box((0.0, -0.5 * depth + 0.01, 0.5 * height), (width, 0.015, height), palette[1]))
    content = sample_palette(rng, 6)
    for low, high in pairwise(levels):
        parts += _content(rng, content, width - 0.08, depth, low + 0.5 * thick, high - low - thick)
    support = Support(center=np.array([0.0, 0.0, height]), width=width, depth=depth)
    return Piece(label=RoomClass.SHELF, parts=tuple(parts), support=support if height < 1.3 else None)


def wardrobe(rng: np.random.Generator, palette: Palette) -> Piece:
    """A tall cabinet with one to four doors."""
    doors = int(rng.integers(1, 4))
    width, depth, height = doors * rng.uniform(0.42, 0.58), rng.uniform(0.42, 0.6), rng.uniform(1.6, 2.15)
    return _cabinet(rng, palette, width, depth, height, columns=doors, rows=1)


def sideboard(rng: np.random.Generator, palette: Palette) -> Piece:
    """A long low cabinet with doors and drawers."""
    columns = int(rng.integers(2, 5))
    width, depth, height = columns * rng.uniform(0.36, 0.5), rng.uniform(0.34, 0.48), rng.uniform(0.42, 0.85)
    return _cabinet(rng, palette, width, depth, height, columns=columns, rows=int(rng.integers(1, 3)))


def chest(rng: np.random.Generator, palette: Palette) -> Piece:
    """A chest of drawers."""
    width, depth, height = rng.uniform(0.55, 1.0), rng.uniform(0.38, 0.5), rng.uniform(0.7, 1.25)
    columns = 2 if width > 0.8 and rng.random() < 0.6 else 1
    return _cabinet(rng, palette, width, depth, height, columns=columns, rows=int(rng.integers(3, 6)))


def nightstand(rng: np.random.Generator, palette: Palette) -> Piece:
    """A small cabinet to stand beside a bed."""
    width, depth, height = rng.uniform(0.35, 0.5), rng.uniform(0.32, 0.42), rng.uniform(0.42, 0.62)
    return _cabinet(rng, palette, width, depth, height, columns=1, rows=int(rng.integers(1, 4)))


def _uprights(
    rng: np.random.Generator, palette: Palette, width: float, depth: float, height: float
) -> list[Part]:
    half = 0.5 * width
    if rng.random() < 0.65:
        return [
            box((side * half, 0.0, 0.5 * height), (0.025, depth + 0.008, height), palette[0])
            for side in (-1.0, 1.0)
        ]
    return [
        column((side * half, end * (0.5 * depth - 0.015), 0.0), height, 0.014, palette[1])
        for side in (-1.0, 1.0)
        for end in (-1.0, 1.0)
    ]


def _content(
    rng: np.random.Generator, palette: Palette, width: float, depth: float, floor: float, room: float
) -> list[Part]:
    """What stands on one board: a row of books, some lying ones, a box or a bowl, or nothing."""
    parts: list[Part] = []
    left, end = -0.5 * width, 0.5 * width
    while left < end - 0.05:
        kind = rng.choice(["books", "gap", "box", "bowl"], p=[0.6, 0.2, 0.12, 0.08])
        span = min(end - left, rng.uniform(0.14, 0.4))
        if kind == "books":
            parts += _books(rng, palette, left, span, depth, floor, room)
        elif kind == "box":
            size = (0.85 * span, 0.8 * depth, room * rng.uniform(0.4, 0.8))
            parts.append(
                box((left + 0.5 * span, 0.0, floor + 0.5 * size[2]), size, palette[int(rng.integers(6))])
            )
        elif kind == "bowl":
            size = min(0.85 * span, 0.8 * depth, 0.8 * room)
            shape = (size, size, size)
            parts.append(
                ellipsoid((left + 0.5 * span, 0.0, floor + 0.5 * size), shape, palette[int(rng.integers(6))])
            )
        left += span
    return parts


def _books(
    rng: np.random.Generator,
    palette: Palette,
    left: float,
    span: float,
    depth: float,
    floor: float,
    room: float,
) -> list[Part]:
    parts: list[Part] = []
    x, tall = left, room * rng.uniform(0.55, 0.85)
    while x < left + span - 0.02:
        thick = min(rng.uniform(0.025, 0.06), left + span - x)
        height = tall * rng.uniform(0.8, 1.0)
        deep = depth * rng.uniform(0.6, 0.85)
        center = (x + 0.5 * thick, -0.5 * depth + 0.03 + 0.5 * deep, floor + 0.5 * height)
        parts.append(box(center, (0.94 * thick, deep, height), palette[int(rng.integers(6))]))
        x += thick
    if rng.random() < 0.3 and len(parts) > 1:
        # The last book leans against its neighbour.
        last = parts.pop()
        height, tilt = 2 * last.half_size[2], rng.uniform(0.1, 0.25)
        center = last.center - np.array([0.5 * height * np.sin(tilt) - last.half_size[0], 0.0, 0.0])
        parts.append(box(center, 2 * last.half_size, last.material, turn_y(-tilt)))
    return parts


def _cabinet(
    rng: np.random.Generator,
    palette: Palette,
    width: float,
    depth: float,
    height: float,
    *,
    columns: int,
    rows: int,
) -> Piece:
    """A closed body on feet or a plinth, its front divided into ``columns`` x ``rows`` doors or drawers."""
    feet = rng.uniform(0.04, 0.14)
    body = height - feet
    parts = (
        short_feet(palette[2], width, depth, feet)
        if rng.random() < 0.5
        else [box((0.0, -0.02, 0.5 * feet), (width - 0.04, depth - 0.06, feet), palette[2])]
    )
    parts.append(box((0.0, 0.0, feet + 0.5 * body), (width, depth, body), palette[0]))
    if rng.random() < 0.4:
        parts.append(box((0.0, 0.01, height + 0.01), (width + 0.03, depth + 0.03, 0.025), palette[2]))
        height += 0.0225
    cell_width, cell_height = width / columns, body / rows
    handle = rng.choice(["knob", "bar", "none"], p=[0.4, 0.4, 0.2])
    for column_index in range(columns):
        for row in range(rows):
            x = (column_index - 0.5 * (columns - 1)) * cell_width
            z = feet + (row + 0.5) * cell_height
            size = (cell_width - 0.03, 0.018, cell_height - 0.03)
            parts.append(box((x, 0.5 * depth + 0.009, z), size, palette[1]))
            upright = cell_height > 1.2 * cell_width
            inward = 1.0 if column_index < 0.5 * columns else -1.0
            grip = (x + inward * 0.38 * cell_width, z) if upright else (x, z + 0.2 * cell_height)
            parts += _handle(palette, handle, grip, 0.5 * depth + 0.018, upright)
    support = Support(center=np.array([0.0, 0.0, height]), width=width, depth=depth)
    return Piece(label=RoomClass.CABINET, parts=tuple(parts), support=support if height < 1.3 else None)


def _handle(palette: Palette, kind: str, grip: tuple[float, float], y: float, upright: bool) -> list[Part]:
    x, z = grip
    if kind == "knob":
        return [ellipsoid((x, y + 0.012, z), (0.035, 0.035, 0.035), palette[3])]
    if kind == "bar":
        return [box((x, y + 0.012, z), (0.02, 0.025, 0.16) if upright else (0.16, 0.025, 0.02), palette[3])]
    return []
