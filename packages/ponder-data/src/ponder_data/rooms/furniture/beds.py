"""Beds: single and double, with headboards, pillows and blankets."""

import numpy as np

from ponder_data.rooms.classes import RoomClass
from ponder_data.rooms.furniture.legs import four_legs
from ponder_data.rooms.furniture.piece import Piece
from ponder_data.rooms.materials import Palette
from ponder_data.rooms.parts import Part, bar, box, ellipsoid, turn_x


def bed(rng: np.random.Generator, palette: Palette) -> Piece:
    """A bed with its head at the wall (-y): frame or box base, mattress, pillows, headboard, blanket."""
    double = rng.random() < 0.55
    width = rng.uniform(1.35, 1.7) if double else rng.uniform(0.85, 1.05)
    length = rng.uniform(1.9, 2.08)
    base, mattress = rng.uniform(0.22, 0.36), rng.uniform(0.14, 0.25)
    top = base + mattress
    parts = _base(rng, palette, width, length, base)
    parts.append(box((0.0, 0.02, base + 0.5 * mattress), (width - 0.06, length - 0.06, mattress), palette[1]))
    parts += _headboard(rng, palette, width, length, top)
    head = -0.5 * length + 0.28
    pillow = rng.uniform(0.12, 0.17)
    for x in (-0.24 * width, 0.24 * width) if double else (0.0,):
        size = (0.42 * width if double else 0.7 * width, 0.4, pillow)
        parts.append(
            ellipsoid((x, head, top + 0.4 * pillow), size, palette[2], turn_x(rng.uniform(0.0, 0.35)))
        )
    if rng.random() < 0.75:
        cover = rng.uniform(0.45, 0.72) * length
        y = 0.5 * length - 0.5 * cover
        parts.append(box((0.0, y, top - 0.06), (width + 0.03, cover, 0.18), palette[3]))
    if rng.random() < 0.4:
        parts.append(
            box((0.0, 0.5 * length + 0.01, 0.5 * (base + 0.2)), (width, 0.04, base + 0.2), palette[0])
        )
    return Piece(label=RoomClass.BED, parts=tuple(parts))


def _base(rng: np.random.Generator, palette: Palette, width: float, length: float, base: float) -> list[Part]:
    if rng.random() < 0.4:
        return [box((0.0, 0.0, 0.5 * base), (width, length, base), palette[0])]
    rail = rng.uniform(0.1, 0.16)
    legs = four_legs(rng, palette[0], width, length, base - rail, 0.07)
    return [*legs, box((0.0, 0.0, base - 0.5 * rail), (width, length, rail), palette[0])]


def _headboard(
    rng: np.random.Generator, palette: Palette, width: float, length: float, top: float
) -> list[Part]:
    high = top + rng.uniform(0.15, 0.6)
    y = -0.5 * length - 0.02
    style = rng.choice(["panel", "bars", "none"], p=[0.5, 0.3, 0.2])
    if style == "none":
        return []
    if style == "panel":
        return [box((0.0, y, 0.5 * high), (width + 0.04, 0.05, high), palette[0])]
    posts = [box((side * 0.5 * width, y, 0.5 * high), (0.05, 0.05, high), palette[0]) for side in (-1.0, 1.0)]
    rails = [box((0.0, y, z), (width, 0.035, 0.05), palette[0]) for z in (high - 0.03, top - 0.05)]
    count = max(4, int(width / rng.uniform(0.12, 0.2)))
    xs = np.linspace(-0.5 * width, 0.5 * width, count)[1:-1]
    return [
        *posts,
        *rails,
        *(bar((x, y, top - 0.05), (x, y, high - 0.03), 0.025, 0.02, palette[0]) for x in xs),
    ]
