"""Vehicles on four wheels and more: cars, trucks, buses, trailers, and machines of building sites."""

import numpy as np

from ponder_data.rooms.materials import Material
from ponder_data.rooms.parts import Part, bar, box, disc, ellipsoid, rod, turn_y
from ponder_data.streets.looks import (
    DARK_METAL,
    GLASS,
    HEADLIGHT,
    RIM,
    TAILLIGHT,
    TIRE,
    car_paint,
    plain,
)
from ponder_data.streets.thing import Thing, thing


def wheel(x: float, y: float, radius: float, width: float) -> list[Part]:
    """A wheel with its axle along y, standing on the ground."""
    out = np.sign(y) * (0.5 * width + 0.005)
    return [
        rod((x, y - 0.5 * width, radius), (x, y + 0.5 * width, radius), radius, TIRE),
        rod((x, y + out - 0.01, radius), (x, y + out + 0.01, radius), 0.6 * radius, RIM),
    ]


def _wheels(places: list[float], half_width: float, radius: float, width: float = 0.22) -> list[Part]:
    y = half_width - 0.5 * width
    return [part for x in places for side in (-y, y) for part in wheel(x, side, radius, width)]


def _lights(front: float, back: float, half_width: float, height: float) -> list[Part]:
    y = half_width - 0.22
    return [
        box((end, side, height), (0.06, 0.3, 0.13), material)
        for end, material in ((front, HEADLIGHT), (back, TAILLIGHT))
        for side in (-y, y)
    ]


def car(rng: np.random.Generator) -> Thing:
    """A saloon, an estate, an off-roader or a van: body, glass house, roof, wheels, lights, mirrors, plates."""
    style = rng.choice(["saloon", "estate", "suv", "van"], p=[0.35, 0.25, 0.25, 0.15])
    length = rng.uniform(4.1, 4.9) + (0.4 if style == "van" else 0.0)
    width = rng.uniform(1.72, 1.95)
    height = {"saloon": 1.45, "estate": 1.5, "suv": 1.75, "van": 2.0}[str(style)] * rng.uniform(0.96, 1.05)
    radius, floor = rng.uniform(0.3, 0.36), rng.uniform(0.2, 0.28)
    belt = floor + 0.45 * (height - floor) + 0.1
    paint = car_paint(rng)
    start, end = {"saloon": (0.2, -0.33), "estate": (0.2, -0.47), "suv": (0.24, -0.46), "van": (0.36, -0.48)}[
        str(style)
    ]
    middle, reach = 0.5 * (start + end) * length, (start - end) * length
    parts = [
        box((0.0, 0.0, 0.5 * (floor + belt)), (length - 0.1, width - 0.06, belt - floor), paint),
        box((0.0, 0.0, floor + 0.18), (length, width - 0.16, 0.26), paint),
        box((middle, 0.0, 0.5 * (belt + height)), (reach, width - 0.22, height - belt - 0.05), GLASS),
        box((middle, 0.0, height - 0.03), (0.86 * reach, width - 0.26, 0.06), paint),
        *_wheels([0.31 * length, -0.29 * length], 0.5 * width, radius),
        *_lights(0.5 * length - 0.04, -0.5 * length + 0.04, 0.5 * width, floor + 0.42),
    ]
    # The windscreen and the rear window slope: two glass wedges as turned boxes.
    slope = 0.55 * (height - belt)
    for x, sign in ((start * length, 1.0), (end * length, -1.0)):
        center = (x, 0.0, belt + 0.4 * (height - belt))
        parts.append(box(center, (0.05, width - 0.26, 1.2 * (height - belt)), GLASS, turn_y(-sign * 0.6)))
        parts.append(bar((x + sign * slope, 0.0, belt), (x, 0.0, belt + 0.05), 0.6 * width, 0.04, paint))
    parts += [
        box((start * length - 0.15, s * 0.52 * width, belt + 0.08), (0.12, 0.16, 0.12), paint)
        for s in (-1, 1)
    ]
    return thing("vehicle.car", parts)


def truck(rng: np.random.Generator) -> Thing:
    """A pick-up or a box lorry: cab, load, chassis, wheels."""
    paint, load = car_paint(rng), plain(rng.uniform(0.3, 0.9, 3))
    if rng.random() < 0.35:
        return _pickup(rng, paint)
    length, width, height = rng.uniform(6.0, 9.5), rng.uniform(2.2, 2.5), rng.uniform(2.8, 3.6)
    cab = rng.uniform(1.7, 2.1)
    front = 0.5 * length
    cab_height = rng.uniform(2.3, min(2.9, height))
    parts = [
        box((0.0, 0.0, 0.7), (length - 0.2, 0.5 * width, 0.3), DARK_METAL),
        box(
            (front - 0.5 * cab, 0.0, 0.5 * (0.45 + cab_height)), (cab, width - 0.1, cab_height - 0.45), paint
        ),
        box((front - 0.08, 0.0, 0.72 * cab_height), (0.2, width - 0.3, 0.3 * cab_height), GLASS),
        box((front - 0.45, 0.0, 0.74 * cab_height), (0.7, width - 0.06, 0.25 * cab_height), GLASS),
        box((-0.5 * cab - 0.1, 0.0, 0.5 * (0.9 + height)), (length - cab - 0.2, width, height - 0.9), load),
        box((front - 0.1, 0.0, 0.45), (0.3, width, 0.3), DARK_METAL),
        *_wheels([front - 1.2, -0.5 * length + 1.1], 0.5 * width, 0.47, 0.3),
        *_lights(front - 0.02, -0.5 * length + 0.05, 0.5 * width, 0.75),
    ]
    return thing("vehicle.truck", parts)


def _pickup(rng: np.random.Generator, paint: Material) -> Thing:
    length, width, height = rng.uniform(5.2, 5.9), rng.uniform(1.85, 2.05), rng.uniform(1.75, 1.95)
    bed = -0.5 * length + 0.5 * 0.36 * length
    parts = [
        box((0.0, 0.0, 0.7), (length, width - 0.06, 0.55), paint),
        box((0.08 * length, 0.0, 0.5 * (0.95 + height)), (0.36 * length, width - 0.2, height - 1.0), GLASS),
        box((0.08 * length, 0.0, height - 0.03), (0.32 * length, width - 0.22, 0.06), paint),
        *(box((bed, s * (0.5 * width - 0.08), 1.1), (0.36 * length, 0.06, 0.3), paint) for s in (-1.0, 1.0)),
        box((-0.5 * length + 0.04, 0.0, 1.1), (0.06, width - 0.1, 0.3), paint),
        *_wheels([0.32 * length, -0.3 * length], 0.5 * width, 0.4, 0.26),
        *_lights(0.5 * length, -0.5 * length, 0.5 * width, 0.8),
    ]
    return thing("vehicle.truck", parts)


def bus(rng: np.random.Generator) -> Thing:
    """A city bus: long body with a band of windows, doors, roof units."""
    length, width, height = rng.uniform(10.0, 12.5), rng.uniform(2.5, 2.6), rng.uniform(2.9, 3.3)
    paint, roof = car_paint(rng), plain((0.8, 0.8, 0.8))
    parts = [
        box((0.0, 0.0, 0.5 * (0.35 + 1.25)), (length, width, 0.9), paint),
        box((0.0, 0.0, 0.5 * (1.25 + height - 0.45)), (length - 0.06, width - 0.05, height - 1.7), GLASS),
        box((0.0, 0.0, height - 0.35), (length, width, 0.4), paint),
        box((-0.2 * length, 0.0, height - 0.05), (0.3 * length, 0.6 * width, 0.22), roof),
        *_wheels([0.32 * length, -0.27 * length], 0.5 * width - 0.02, 0.48, 0.3),
        *_lights(0.5 * length, -0.5 * length, 0.5 * width, 0.7),
    ]
    pillars = np.arange(-0.5 * length + 1.0, 0.5 * length - 0.5, 1.6)
    parts += [box((x, 0.0, 0.5 * height + 0.3), (0.12, width - 0.02, height - 1.2), paint) for x in pillars]
    return thing("vehicle.bus.rigid", parts)


def trailer(rng: np.random.Generator) -> Thing:
    """A trailer: a box on two axles with a drawbar and landing legs."""
    length, width, height = rng.uniform(6.0, 12), rng.uniform(2.3, 2.6), rng.uniform(2.8, 3.8)
    parts = [
        box(
            (-0.4, 0.0, 0.5 * (1.0 + height)),
            (length - 0.8, width, height - 1.0),
            plain(rng.uniform(0.35, 0.9, 3)),
        ),
        box((0.0, 0.0, 0.88), (length - 0.6, 0.5 * width, 0.22), DARK_METAL),
        bar((0.5 * length - 0.8, 0.0, 0.85), (0.5 * length, 0.0, 0.6), 0.15, 0.15, DARK_METAL),
        *(box((0.3 * length, s * 0.3 * width, 0.45), (0.12, 0.12, 0.9), DARK_METAL) for s in (-1.0, 1.0)),
        *_wheels([-0.5 * length + 1.2, -0.5 * length + 2.4], 0.5 * width, 0.48, 0.3),
    ]
    return thing("vehicle.trailer", parts)


def excavator(rng: np.random.Generator) -> Thing:
    """A digger: tracks, turning cab with counterweight, boom, stick and bucket."""
    yellow = plain((0.85, 0.6, 0.08))
    length, gauge, size = rng.uniform(2.8, 3.6), rng.uniform(2.0, 2.4), rng.uniform(0.85, 1.1)
    reach, lift = rng.uniform(2.0, 2.8) * size, rng.uniform(2.8, 3.6) * size
    elbow, wrist = (0.6 + reach, -0.2, lift), (1.4 + 1.5 * reach, -0.2, 0.45 * lift)
    parts = [
        *(box((0.0, s * 0.5 * gauge, 0.4), (length, 0.5, 0.8), TIRE) for s in (-1.0, 1.0)),
        disc((0.0, 0.0, 0.85), (1.2, 1.2, 0.25), DARK_METAL),
        box((-0.5, 0.0, 1.35), (2.2, gauge, 0.8), yellow),
        box((0.5, 0.3 * gauge, 1.75), (1.2, 0.9, 1.5), GLASS),
        box((0.5, 0.3 * gauge, 2.55), (1.25, 0.95, 0.1), yellow),
        bar((0.5, -0.2, 1.4), elbow, 0.35, 0.3, yellow),
        bar(elbow, wrist, 0.28, 0.25, yellow),
        box((wrist[0], -0.2, wrist[2] - 0.3), (0.7, 0.9, 0.7), DARK_METAL, turn_y(0.4)),
        ellipsoid((-1.5, 0.0, 1.45), (0.6, gauge, 0.9), yellow),
    ]
    return thing("vehicle.construction", parts)
