"""Decor: lamps, plants and screens."""

import numpy as np

from ponder_data.rooms.classes import RoomClass
from ponder_data.rooms.furniture.piece import Piece
from ponder_data.rooms.materials import Palette
from ponder_data.rooms.parts import Part, box, column, disc, ellipsoid, frame_along, rod


def floor_lamp(rng: np.random.Generator, palette: Palette) -> Piece:
    """A standing lamp: foot or tripod, pole, and a shade; sometimes the pole bends over."""
    height = rng.uniform(1.3, 1.8)
    parts: list[Part] = []
    if rng.random() < 0.65:
        parts.append(column((0.0, 0.0, 0.0), 0.03, rng.uniform(0.12, 0.18), palette[0]))
        parts.append(column((0.0, 0.0, 0.03), height - 0.25, rng.uniform(0.012, 0.02), palette[0]))
    else:
        spread, knot = rng.uniform(0.2, 0.3), rng.uniform(0.7, 0.95) * (height - 0.25)
        for leg in range(3):
            angle = leg * 2 * np.pi / 3 + 0.5
            foot = (spread * np.cos(angle), spread * np.sin(angle), 0.005)
            parts.append(rod(foot, (0.0, 0.0, knot), 0.014, palette[0]))
        parts.append(column((0.0, 0.0, knot - 0.05), height - 0.15 - knot, 0.014, palette[0]))
    top = np.array([0.0, 0.0, height - 0.22])
    if rng.random() < 0.25:
        reach = rng.uniform(0.25, 0.5)
        tip = top + np.array([0.0, reach, 0.1])
        parts.append(rod(top, tip, 0.012, palette[0]))
        top = tip - np.array([0.0, 0.0, 0.18])
    return Piece(label=RoomClass.LAMP, parts=(*parts, *_shade(rng, palette, top, rng.uniform(0.14, 0.24))))


def table_lamp(rng: np.random.Generator, palette: Palette) -> Piece:
    """A small lamp: a foot, a stem or a vase-like body, and a shade."""
    height = rng.uniform(0.2, 0.34)
    parts = [column((0.0, 0.0, 0.0), 0.02, rng.uniform(0.05, 0.08), palette[0])]
    if rng.random() < 0.5:
        parts.append(column((0.0, 0.0, 0.0), height, 0.012, palette[0]))
    else:
        parts.append(ellipsoid((0.0, 0.0, 0.45 * height), (0.14, 0.14, 0.85 * height), palette[0]))
        parts.append(column((0.0, 0.0, 0.5 * height), 0.5 * height, 0.012, palette[0]))
    shade = _shade(rng, palette, np.array([0.0, 0.0, height - 0.02]), rng.uniform(0.09, 0.14))
    return Piece(label=RoomClass.LAMP, parts=(*parts, *shade))


def pendant_lamp(rng: np.random.Generator, palette: Palette) -> Piece:
    """A lamp on a cord from the ceiling (which is z = 0 in its frame)."""
    drop = rng.uniform(0.4, 0.75)
    radius = rng.uniform(0.14, 0.26)
    parts = [
        column((0.0, 0.0, -0.03), 0.03, 0.05, palette[0]),
        column((0.0, 0.0, -drop), drop, 0.008, palette[0]),
    ]
    shade = _shade(rng, palette, np.array([0.0, 0.0, -drop - 0.6 * radius]), radius)
    return Piece(label=RoomClass.LAMP, parts=(*parts, *shade))


def plant(rng: np.random.Generator, palette: Palette) -> Piece:
    """A potted plant to stand on the floor: bushy, palm-like or a small tree."""
    return _plant(rng, palette, rng.uniform(0.7, 1.5))


def small_plant(rng: np.random.Generator, palette: Palette) -> Piece:
    """A potted plant to stand on furniture."""
    return _plant(rng, palette, rng.uniform(0.22, 0.42))


def standing_screen(rng: np.random.Generator, palette: Palette) -> Piece:
    """A screen on a foot or two feet, to stand on furniture; it is watched from +y."""
    width = rng.uniform(0.5, 1.05)
    height = width * rng.uniform(0.54, 0.62)
    lift = rng.uniform(0.05, 0.12)
    parts = _panel(rng, palette, width, height, lift)
    if rng.random() < 0.6:
        parts.append(box((0.0, -0.02, 0.5 * (lift + 0.05)), (0.08, 0.03, lift + 0.05), palette[0]))
        parts.append(box((0.0, 0.0, 0.0075), (0.35 * width, 0.18, 0.015), palette[0]))
    else:
        parts += [
            box((side * 0.35 * width, 0.0, 0.5 * lift), (0.03, 0.16, lift), palette[0])
            for side in (-1.0, 1.0)
        ]
    return Piece(label=RoomClass.SCREEN, parts=tuple(parts))


def wall_screen(rng: np.random.Generator, palette: Palette) -> Piece:
    """A screen to hang on a wall, its lower edge at z = 0 and its mount against the wall at y = 0."""
    width = rng.uniform(0.8, 1.3)
    height = width * rng.uniform(0.54, 0.6)
    gap = rng.uniform(0.04, 0.08)
    mount = box((0.0, 0.5 * gap, 0.5 * height), (0.3, gap, 0.2), palette[0])
    panel = [
        box(part.center + np.array([0.0, gap + 0.03, 0.0]), 2 * part.half_size, part.material)
        for part in _panel(rng, palette, width, height, 0.0)
    ]
    return Piece(label=RoomClass.SCREEN, parts=(mount, *panel))


def _panel(
    rng: np.random.Generator, palette: Palette, width: float, height: float, lift: float
) -> list[Part]:
    thick = rng.uniform(0.02, 0.05)
    center = (0.0, 0.0, lift + 0.5 * height)
    face = (0.0, 0.5 * thick, lift + 0.5 * height + 0.005)
    return [
        box(center, (width, thick, height), palette[0]),
        box(face, (width - 0.03, 0.006, height - 0.04), palette[1]),
    ]


def _shade(rng: np.random.Generator, palette: Palette, base: np.ndarray, radius: float) -> list[Part]:
    """A lampshade whose lower end is at ``base``: a cone, a drum, a ball or a flat disc."""
    style = rng.choice(["cone", "drum", "ball", "flat"], p=[0.4, 0.25, 0.2, 0.15])
    if style == "cone":
        return [column(base, 1.2 * radius, radius, palette[1], top_radius=rng.uniform(0.35, 0.75) * radius)]
    if style == "drum":
        return [column(base, rng.uniform(0.8, 1.4) * radius, radius, palette[1])]
    if style == "ball":
        size = 1.6 * radius
        return [ellipsoid(base + np.array([0.0, 0.0, 0.5 * size]), (size, size, size), palette[1])]
    flat = (2.2 * radius, 2.2 * radius, 0.5 * radius)
    return [
        disc(
            base + np.array([0.0, 0.0, 0.3 * radius]), (0.8 * radius, 0.8 * radius, 0.6 * radius), palette[0]
        ),
        ellipsoid(base + np.array([0.0, 0.0, 0.4 * radius]), flat, palette[1]),
    ]


def _plant(rng: np.random.Generator, palette: Palette, height: float) -> Piece:
    pot = height * rng.uniform(0.2, 0.35)
    radius = min(0.2, max(0.06, 0.45 * pot * rng.uniform(0.8, 1.4), 0.1 * height))
    if rng.random() < 0.75:
        parts = [column((0.0, 0.0, 0.0), pot, rng.uniform(0.6, 1.0) * radius, palette[0], top_radius=radius)]
    else:
        parts = [box((0.0, 0.0, 0.5 * pot), (1.7 * radius, 1.7 * radius, pot), palette[0])]
    style = rng.choice(["bush", "palm", "tree"])
    crown = height - pot
    if style == "bush":
        parts.append(column((0.0, 0.0, pot), 0.5 * crown, 0.25 * radius, palette[2]))
        parts += _leaf_balls(
            rng, palette, np.array([0.0, 0.0, pot + 0.5 * crown]), (0.28 * height, 0.5 * crown), 0.3
        )
    elif style == "tree":
        parts.append(column((0.0, 0.0, pot), 0.6 * crown, 0.02 * height + 0.004, palette[2]))
        middle = np.array([0.0, 0.0, pot + 0.72 * crown])
        parts += _leaf_balls(rng, palette, middle, (0.24 * height, 0.28 * crown), 0.26)
    else:
        parts += _fronds(rng, palette, pot, crown)
    return Piece(label=RoomClass.PLANT, parts=tuple(parts))


def _leaf_balls(
    rng: np.random.Generator, palette: Palette, middle: np.ndarray, reach: tuple[float, float], size: float
) -> list[Part]:
    """Foliage: flat ellipsoids turned every way, filling an ellipsoid of radius and half height ``reach``."""
    parts: list[Part] = []
    radius, half_height = reach
    for _ in range(int(rng.integers(14, 26))):
        outward, axis = rng.standard_normal((2, 3))
        outward /= np.linalg.norm(outward)
        axis = axis + outward
        axis /= np.linalg.norm(axis)
        offset = outward * rng.uniform(0.3, 0.8) * np.array([radius, radius, half_height])
        length = rng.uniform(0.7, 1.3) * (radius + half_height) * size * 2
        shape = (0.5 * length, 0.14 * length, length)
        parts.append(ellipsoid(middle + offset, shape, palette[1], frame_along(axis)))
    parts.append(ellipsoid(middle, (0.6 * radius, 0.6 * radius, 1.1 * half_height), palette[1]))
    return parts


def _fronds(rng: np.random.Generator, palette: Palette, pot: float, crown: float) -> list[Part]:
    """Long leaves that rise from the pot and bend outward: two ellipsoids each."""
    parts: list[Part] = []
    for _ in range(int(rng.integers(7, 13))):
        angle, lean = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.9)
        length = crown * rng.uniform(0.65, 1.0)
        out = np.array([np.cos(angle), np.sin(angle), 0.0])
        start = np.array([0.0, 0.0, pot - 0.02])
        for bend, share in ((lean, 0.6), (lean + 0.6, 0.5)):
            direction = np.sin(bend) * out + np.array([0.0, 0.0, np.cos(bend)])
            reach = share * length
            size = (0.14 * reach + 0.01, 0.05 * reach, 1.05 * reach)
            parts.append(ellipsoid(start + 0.5 * reach * direction, size, palette[1], frame_along(direction)))
            start = start + 0.95 * reach * direction
    return parts
