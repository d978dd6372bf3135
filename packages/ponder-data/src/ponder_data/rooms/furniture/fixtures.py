"""Fixtures: doors, windows, curtains, pictures and rugs.

Doors and windows fill an opening in a wall. Their frame: x along the wall, y = 0 the wall's surface with the
room at y > 0, z = 0 the lower edge of the opening.
"""

import numpy as np

from ponder_data.rooms.classes import RoomClass
from ponder_data.rooms.furniture.piece import Piece
from ponder_data.rooms.materials import Material, Palette
from ponder_data.rooms.parts import Part, box, disc, ellipsoid, rod


def door(rng: np.random.Generator, palette: Palette, width: float, height: float, recess: float) -> Piece:
    """A door: casing, a leaf ``recess`` metres behind the wall's surface, panels and a handle."""
    parts = _casing(rng, palette[0], width, height, sill=False)
    leaf = 0.05
    y = -recess
    parts.append(box((0.0, y - 0.5 * leaf, 0.5 * height), (width, leaf, height), palette[1]))
    style = rng.choice(["plain", "panels", "slats"])
    if style == "panels":
        columns, rows = int(rng.integers(1, 3)), int(rng.integers(2, 4))
        for i in range(columns):
            for j in range(rows):
                size = ((width - 0.16) / columns - 0.06, 0.03, (height - 0.2) / rows - 0.08)
                x = (i - 0.5 * (columns - 1)) * (width - 0.16) / columns
                z = 0.1 + (j + 0.5) * (height - 0.2) / rows
                parts.append(box((x, y, z), size, palette[2]))
    elif style == "slats":
        heights = np.linspace(0.2, height - 0.2, int(rng.integers(4, 8)))
        parts += [box((0.0, y, z), (width - 0.1, 0.024, 0.07), palette[2]) for z in heights]
    side = rng.choice([-1.0, 1.0])
    x = side * (0.5 * width - 0.08)
    grip = rng.uniform(0.95, 1.08)
    if rng.random() < 0.5:
        parts.append(ellipsoid((x, y + 0.04, grip), (0.06, 0.07, 0.06), palette[3]))
    else:
        parts.append(rod((x, y, grip), (x, y + 0.05, grip), 0.01, palette[3]))
        parts.append(rod((x, y + 0.05, grip), (x - side * 0.12, y + 0.05, grip), 0.01, palette[3]))
    return Piece(label=RoomClass.DOOR, parts=tuple(parts))


def window(rng: np.random.Generator, palette: Palette, width: float, height: float, recess: float) -> Piece:
    """A window: casing, sill, a pane ``recess`` metres behind the wall's surface, sashes, glazing bars."""
    parts = _casing(rng, palette[0], width, height, sill=True)
    parts.append(box((0.0, -recess - 0.01, 0.5 * height), (width, 0.02, height), palette[1]))
    bar = rng.uniform(0.04, 0.07)
    columns, rows = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    for x in np.linspace(-0.5 * (width - bar), 0.5 * (width - bar), columns + 1):
        parts.append(box((x, -recess + 0.02, 0.5 * height), (bar, 0.05, height), palette[2]))
    for z in np.linspace(0.5 * bar, height - 0.5 * bar, rows + 1):
        parts.append(box((0.0, -recess + 0.018, z), (width, 0.045, bar), palette[2]))
    return Piece(label=RoomClass.WINDOW, parts=tuple(parts))


def curtain(rng: np.random.Generator, palette: Palette, width: float, height: float) -> Piece:
    """A curtain in folds, hanging from a rod at ``height`` down to z = 0 in front of a wall at y = 0."""
    fold = rng.uniform(0.05, 0.09)
    count = max(3, round(width / (0.75 * fold)))
    parts: list[Part] = []
    for x in np.linspace(-0.5 * width, 0.5 * width, count):
        size = (fold, fold * rng.uniform(0.8, 1.4), height)
        parts.append(disc((x, 0.09 + rng.uniform(-0.015, 0.015), 0.5 * height), size, palette[0]))
    reach = 0.5 * width + fold
    parts.append(rod((-reach, 0.09, height), (reach, 0.09, height), 0.015, palette[1]))
    return Piece(label=RoomClass.CURTAIN, parts=tuple(parts))


def picture(rng: np.random.Generator, palette: Palette) -> Piece:
    """A picture: canvas and frame with its back against the wall at y = 0, its lower edge at z = 0."""
    width, height = rng.uniform(0.3, 1.0), rng.uniform(0.3, 0.8)
    thick, edge = rng.uniform(0.015, 0.04), rng.uniform(0.02, 0.06)
    parts = [box((0.0, 0.4 * thick, 0.5 * height), (width - edge, 0.8 * thick, height - edge), palette[0])]
    for side in (-1.0, 1.0):
        x, z = side * 0.5 * (width - edge), 0.5 * height + side * 0.5 * (height - edge)
        parts.append(box((x, 0.5 * thick + 0.005, 0.5 * height), (edge, thick + 0.01, height), palette[1]))
        parts.append(box((0.0, 0.5 * thick + 0.005, z), (width, thick + 0.01, edge), palette[1]))
    if rng.random() < 0.6:
        # Something is painted on it: a second, smaller field.
        share = rng.uniform(0.3, 0.6, 2)
        shift = rng.uniform(-0.15, 0.15, 2) * np.array([width, height])
        size = (share[0] * width, 0.8 * thick + 0.004, share[1] * height)
        parts.append(box((shift[0], 0.4 * thick, 0.5 * height + shift[1]), size, palette[2]))
    return Piece(label=RoomClass.PICTURE, parts=tuple(parts))


def rug(rng: np.random.Generator, palette: Palette, width: float, depth: float) -> Piece:
    """A rug lying on the floor: rectangular or oval, with a border of another material."""
    thick = rng.uniform(0.01, 0.025)
    shape = disc if rng.random() < 0.35 else box
    border = rng.uniform(0.05, 0.15)
    parts = [shape((0.0, 0.0, 0.45 * thick), (width, depth, 0.9 * thick), palette[1])]
    parts.append(shape((0.0, 0.0, 0.5 * thick), (width - 2 * border, depth - 2 * border, thick), palette[0]))
    return Piece(label=RoomClass.RUG, parts=tuple(parts))


def _casing(
    rng: np.random.Generator, material: Material, width: float, height: float, *, sill: bool
) -> list[Part]:
    """The frame around an opening, standing out from the wall; with a sill for windows."""
    edge, out = rng.uniform(0.06, 0.11), rng.uniform(0.015, 0.04)
    middle = 0.5 * out - 0.01
    thick = out + 0.02
    # The casing covers the rim of the wall: no two faces may share a plane, or both would show in patches.
    lap = 0.008
    parts = [
        box((side * (0.5 * (width + edge) - lap), middle, 0.5 * height), (edge, thick, height), material)
        for side in (-1.0, 1.0)
    ]
    size = (width + 2 * edge, thick + 0.006, edge)
    parts.append(box((0.0, middle, height + 0.5 * edge - lap), size, material))
    if sill:
        deep = rng.uniform(0.06, 0.16)
        parts.append(box((0.0, 0.5 * deep - 0.01, lap - 0.02), (width + 2 * edge, deep, 0.04), material))
    return parts
