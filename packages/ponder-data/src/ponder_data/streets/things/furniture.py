"""Street furniture and plants: barriers, cones, poles, signs, trees, bushes."""

import numpy as np

from ponder_data.rooms.materials import Texture
from ponder_data.rooms.parts import Part, bar, box, column, ellipsoid, rod
from ponder_data.streets.looks import DARK_METAL, ORANGE, WHITE, bark, leaves, patterned, plain
from ponder_data.streets.thing import Thing, thing


def barrier(rng: np.random.Generator) -> Thing:
    """A temporary barrier, its long side along y: plastic walls, or a striped plank on feet."""
    length, height = rng.uniform(1.4, 2.4), rng.uniform(0.8, 1.1)
    if rng.random() < 0.6:
        shell = ORANGE if rng.random() < 0.5 else WHITE
        parts = [
            box((0.0, 0.0, 0.3 * height), (0.5, length, 0.6 * height), shell),
            box((0.0, 0.0, 0.75 * height), (0.28, length - 0.06, 0.5 * height), shell),
        ]
    else:
        stripes = patterned(Texture.STRIPES, (0.85, 0.1, 0.08), (0.9, 0.9, 0.9), 0.5, (0.0, 1.0, 0.0))
        parts = [
            box((0.0, 0.0, height - 0.15), (0.08, length, 0.3), stripes),
            box((0.0, 0.0, 0.45 * height), (0.06, length, 0.16), stripes),
            *(
                box((0.0, s * 0.42 * length, 0.5 * height), (0.08, 0.08, height), DARK_METAL)
                for s in (-1.0, 1.0)
            ),
            *(box((0.0, s * 0.42 * length, 0.04), (0.6, 0.12, 0.08), DARK_METAL) for s in (-1.0, 1.0)),
        ]
    return thing("movable_object.barrier", parts)


def traffic_cone(rng: np.random.Generator) -> Thing:
    """A cone on a square foot with a white collar."""
    height = rng.uniform(0.6, 1)
    parts = [
        box((0.0, 0.0, 0.03), (0.4, 0.4, 0.06), ORANGE),
        column((0.0, 0.0, 0.05), height - 0.05, 0.16, ORANGE, top_radius=0.03),
        column((0.0, 0.0, 0.5 * height), 0.18 * height, 0.105, WHITE, top_radius=0.085),
    ]
    return thing("movable_object.trafficcone", parts)


def lamp_post(rng: np.random.Generator) -> Thing:
    """A street light: a tapering mast with an arm over +y."""
    height, arm = rng.uniform(6.5, 9), rng.uniform(1.2, 2.4)
    steel = plain((0.42, 0.44, 0.45))
    return thing(
        "static.manmade",
        [
            column((0.0, 0.0, 0.0), height, 0.11, steel, top_radius=0.06),
            rod((0.0, 0.0, height - 0.1), (0.0, arm, height + 0.25), 0.05, steel),
            box((0.0, arm, height + 0.22), (0.25, 0.7, 0.12), DARK_METAL),
        ],
    )


def sign_post(rng: np.random.Generator) -> Thing:
    """A traffic sign, or a light with three lamps, that faces -x."""
    height = rng.uniform(2.3, 3.2)
    steel = plain((0.5, 0.5, 0.5))
    parts = [column((0.0, 0.0, 0.0), height, 0.04, steel)]
    if rng.random() < 0.5:
        board = plain((0.75, 0.1, 0.1) if rng.random() < 0.5 else (0.1, 0.25, 0.65))
        if rng.random() < 0.5:
            parts.append(rod((-0.06, 0.0, height - 0.1), (-0.03, 0.0, height - 0.1), 0.33, board))
        else:
            parts.append(box((-0.05, 0.0, height - 0.2), (0.03, 0.6, 0.75), board))
    else:
        parts.append(box((-0.06, 0.0, height - 0.2), (0.28, 0.3, 0.95), DARK_METAL))
        lamps = ((0.8, 0.08, 0.05), (0.8, 0.55, 0.05), (0.05, 0.65, 0.3))
        parts += [
            ellipsoid((-0.2, 0.0, height + 0.1 - 0.3 * i), (0.06, 0.2, 0.2), plain(lamp))
            for i, lamp in enumerate(lamps)
        ]
    return thing("static.manmade", parts)


def tree(rng: np.random.Generator) -> Thing:
    """A tree: trunk, two boughs and a crown of several balls, or a cone of a conifer."""
    wood, green = bark(rng), leaves(rng)
    height, radius = rng.uniform(4.5, 8.5), rng.uniform(0.12, 0.24)
    if rng.random() < 0.2:
        foot, wide = rng.uniform(0.6, 1.2), rng.uniform(1.2, 1.8)
        parts: list[Part] = [
            column((0.0, 0.0, 0.0), foot + 0.2, radius, wood),
            column((0.0, 0.0, foot), 0.55 * (height - foot), wide, green, top_radius=0.5 * wide),
            column(
                (0.0, 0.0, foot + 0.4 * (height - foot)),
                0.6 * (height - foot),
                0.7 * wide,
                green,
                top_radius=0.05,
            ),
        ]
        return thing("static.vegetation", parts)
    fork = rng.uniform(0.38, 0.5) * height
    parts = [column((0.0, 0.0, 0.0), fork + 0.3, radius, wood, top_radius=0.7 * radius)]
    wide = rng.uniform(1.5, 2.6)
    for angle in rng.uniform(0.0, 2 * np.pi) + np.arange(3) * 2 * np.pi / 3:
        reach = rng.uniform(0.3, 0.5) * wide
        tip = np.array([reach * np.cos(angle), reach * np.sin(angle), rng.uniform(0.62, 0.75) * height])
        parts.append(rod((0.0, 0.0, fork), tip, 0.6 * radius, wood, end_radius=0.3 * radius))
        size = wide * rng.uniform(0.9, 1.3, 3) * (1.0, 1.0, 0.8)
        parts.append(ellipsoid(tip, size, green))
    parts.append(ellipsoid((0.0, 0.0, 0.82 * height), (1.5 * wide, 1.5 * wide, 0.36 * height), green))
    return thing("static.vegetation", parts)


def bush(rng: np.random.Generator) -> Thing:
    """A low bush of a few balls."""
    green, size = leaves(rng), rng.uniform(0.7, 1.5)
    parts = []
    for _ in range(rng.integers(2, 5)):
        x, y = rng.uniform(-0.4, 0.4, 2) * size
        parts.append(ellipsoid((x, y, 0.4 * size), size * rng.uniform(0.7, 1.1, 3), green))
    return thing("static.vegetation", parts)


def fence(rng: np.random.Generator, length: float) -> Thing:
    """A fence along x: posts and rails."""
    wood = bark(rng)
    height = rng.uniform(1.0, 1.5)
    posts = np.arange(-0.5 * length, 0.5 * length + 0.1, 2.0)
    rails = [
        bar((-0.5 * length, 0.0, z), (0.5 * length, 0.0, z), 0.12, 0.04, wood)
        for z in (0.35 * height, 0.9 * height)
    ]
    return thing(
        "static.manmade", [*rails, *(box((x, 0.0, 0.5 * height), (0.1, 0.1, height), wood) for x in posts)]
    )
