"""The ground of a street: road, paint, sidewalks, median, lawn, and the houses beside it."""

import numpy as np

from ponder_data.rooms.materials import Material
from ponder_data.rooms.parts import box
from ponder_data.streets.looks import asphalt, facade, grass, pavement, plain
from ponder_data.streets.profile import CURB, LANE, Profile
from ponder_data.streets.street import Scenery, placed
from ponder_data.streets.things.furniture import bush, fence, tree

_DEEP = 0.5
_ROAD, _SIDEWALK = "flat.driveable_surface", "flat.sidewalk"
_PAINT = 0.012
_SIDE_ROAD = 75.0


def slab(
    category: str, x: tuple[float, float], y: tuple[float, float], top: float, material: Material
) -> Scenery:
    """A level piece of ground between two x and two y (metres) with its surface at ``top``."""
    center = (0.5 * (x[0] + x[1]), 0.5 * (y[0] + y[1]), top - 0.5 * _DEEP)
    return Scenery(part=box(center, (x[1] - x[0], abs(y[1] - y[0]), _DEEP), material), category=category)


def lay_ground(rng: np.random.Generator, profile: Profile) -> list[Scenery]:
    """Road with its paint, sidewalks along it and along the side road, a median, and lawn everywhere else."""
    road, slabs, lawn = asphalt(rng), pavement(rng), grass(rng)
    length = (profile.begin, profile.end)
    ground = [
        slab("flat.terrain", (length[0] - 30, length[1] + 30), (-150.0, 150.0), -0.06, lawn),
        slab(_ROAD, length, (-profile.curb, profile.curb), 0.0, road),
    ]
    for begin, end in profile.blocks():
        for side in (-1.0, 1.0):
            ground.append(
                slab(_SIDEWALK, (begin, end), _sorted(side * profile.curb, side * profile.front), CURB, slabs)
            )
        if profile.median > 0:
            edge = 0.5 * profile.median
            ground.append(slab("flat.other", (begin, end), (-edge, edge), CURB, plain((0.5, 0.49, 0.45))))
    if profile.crossing is not None:
        half = 0.5 * profile.crossing_width
        span = (profile.crossing - half, profile.crossing + half)
        for side in (-1.0, 1.0):
            y = _sorted(side * profile.curb, side * _SIDE_ROAD)
            ground.append(slab(_ROAD, span, y, -0.004, road))
            outer = _sorted(side * profile.front, side * _SIDE_ROAD)
            for x in ((span[0] - 2.5, span[0]), (span[1], span[1] + 2.5)):
                ground.append(slab(_SIDEWALK, x, outer, CURB, slabs))
    return ground + _paint(profile)


def _sorted(first: float, second: float) -> tuple[float, float]:
    return min(first, second), max(first, second)


def _paint(profile: Profile) -> list[Scenery]:
    """Lines between lanes (dashed), along their edges, and the bars of zebra crossings."""
    white = plain((0.85, 0.85, 0.82))

    def line(x: tuple[float, float], y: float, width: float) -> Scenery:
        center = (0.5 * (x[0] + x[1]), y, 0.0)
        return Scenery(part=box(center, (x[1] - x[0], width, _PAINT), white), category=_ROAD)

    lines: list[Scenery] = []
    for side in (-1.0, 1.0):
        lines += [line(block, side * profile.lane_edge, 0.15) for block in profile.blocks(2.0)]
    dashed = [0.0] if profile.median == 0 else []
    dashed += [s * (0.5 * profile.median + k * LANE) for k in range(1, profile.lanes) for s in (-1.0, 1.0)]
    for y in dashed:
        for x in np.arange(profile.begin, profile.end - 3, 9.0).tolist():
            if not profile.is_crossing(x + 1.5, 5.0):
                lines.append(line((x, x + 3.0), y, 0.14))
    if profile.crossing is not None:
        for end in (-1.0, 1.0):
            x = profile.crossing + end * (0.5 * profile.crossing_width + 2.5)
            for y in np.arange(-profile.curb + 0.6, profile.curb, 1.1).tolist():
                lines.append(line((x - 1.5, x + 1.5), float(y), 0.5))
    return lines


def build_houses(rng: np.random.Generator, profile: Profile) -> list[Scenery]:
    """Lots along both sides: houses with plinths, ledges and roofs, gardens with trees and fences, or gaps."""
    scenery: list[Scenery] = []
    for side in (-1.0, 1.0):
        for begin, end in profile.blocks(3.5):
            x = begin
            while x < end - 8.0:
                width = min(float(rng.uniform(9.0, 24.0)), end - x)
                if rng.random() < 0.65:
                    scenery += _house(
                        rng, x + 0.5 * width, width - rng.uniform(0.0, 2.0), side, profile.front
                    )
                else:
                    scenery += _garden(rng, x, width, side, profile.front)
                x += width
    return scenery


def _house(rng: np.random.Generator, x: float, width: float, side: float, front: float) -> list[Scenery]:
    depth, height = rng.uniform(8.0, 14.0), rng.choice([1, 2, 3, 4, 6, 9]) * 3.1 + 0.8
    setback = rng.uniform(0.05, 4.0)
    y = side * (front + setback + 0.5 * depth)
    face = side * (front + setback)
    wall, trim = facade(rng), plain(rng.uniform(0.25, 0.75, 3))
    parts = [
        box((x, y, 0.5 * height), (width, depth, height), wall),
        box((x, y, height + 0.1), (width + 0.4, depth + 0.4, 0.3), trim),
        box((x, face - side * 0.04, 0.4), (width, 0.2, 0.8), trim),
    ]
    if rng.random() < 0.6:
        parts.append(box((x, face - side * 0.1, 3.2), (width, 0.5, 0.25), trim))
    for door in rng.uniform(-0.4, 0.4, rng.integers(1, 4)) * width:
        parts.append(
            box((x + door, face - side * 0.03, 1.1), (1.1, 0.12, 2.2), plain(rng.uniform(0.1, 0.6, 3)))
        )
    if rng.random() < 0.3:
        parts.append(box((x + 0.2 * width, y, height + 1.0), (2.0, 2.0, 1.8), trim))
    return [Scenery(part=part, category="static.manmade") for part in parts]


def _garden(rng: np.random.Generator, x: float, width: float, side: float, front: float) -> list[Scenery]:
    scenery: list[Scenery] = []
    if rng.random() < 0.6:
        scenery += placed(fence(rng, width - 1.0), x + 0.5 * width, side * (front + 0.4), 0.0)
    for _ in range(rng.integers(2, 6)):
        plant = tree(rng) if rng.random() < 0.5 else bush(rng)
        place = (x + rng.uniform(2.0, width - 2.0), side * (front + rng.uniform(3.5, 14.0)))
        scenery += placed(plant, *place, rng.uniform(0, 2 * np.pi))
    return scenery
