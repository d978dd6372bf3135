"""People on foot and on two wheels."""

import numpy as np

from ponder_data.rooms.materials import Material
from ponder_data.rooms.parts import Part, box, ellipsoid, rod
from ponder_data.streets.looks import (
    CHROME,
    DARK_METAL,
    HEADLIGHT,
    ORANGE,
    RIM,
    TAILLIGHT,
    TIRE,
    car_paint,
    cloth,
    plain,
    skin,
)
from ponder_data.streets.thing import Thing, thing


def pedestrian(rng: np.random.Generator, *, walking: bool, category: str = "human.pedestrian.adult") -> Thing:
    """A person: legs, trunk, arms, head, perhaps a bag; a child is smaller, a worker wears orange."""
    child = category == "human.pedestrian.child"
    height = rng.uniform(1.05, 1.4) if child else rng.uniform(1.55, 1.9)
    shirt = ORANGE if category == "human.pedestrian.construction_worker" else cloth(rng)
    trousers, face = cloth(rng), skin(rng)
    stride = rng.uniform(0.15, 0.3) * height / 1.75 if walking else 0.02
    hip, shoulder = 0.49 * height, 0.81 * height
    wide = 0.12 * height
    parts = [
        *_limbs(trousers, (0.5 * wide, hip), 0.02, stride, 0.05 * height),
        ellipsoid((0.0, 0.0, 0.5 * (hip + shoulder)), (0.14 * height, 2.0 * wide, 0.42 * height), shirt),
        *_limbs(shirt, (1.1 * wide, shoulder - 0.02), 0.45 * height, -0.6 * stride, 0.028 * height),
        ellipsoid((0.01, 0.0, 0.93 * height), (0.115 * height, 0.1 * height, 0.14 * height), face),
    ]
    if rng.random() < 0.35:
        parts.append(box((-0.11 * height, 0.0, 0.68 * height), (0.12, 0.26, 0.34), cloth(rng)))
    return thing(category, parts)


def _limbs(
    material: Material, top: tuple[float, float], end: float, stride: float, radius: float
) -> list[Part]:
    """Return two limbs hanging from height ``top[1]`` at ``y = +-top[0]`` down to ``end``, spread by ``stride``."""
    y, height = top
    return [
        rod(
            (side * stride, side * y, end),
            (0.0, side * y, height),
            0.75 * radius,
            material,
            end_radius=radius,
        )
        for side in (-1.0, 1.0)
    ]


def _rider(rng: np.random.Generator, seat: float, lean: float) -> list[Part]:
    """Return someone who sits at height ``seat`` over x = -0.15 and leans forward by ``lean`` metres."""
    shirt, trousers = cloth(rng), cloth(rng)
    neck = (lean - 0.1, 0.0, seat + 0.55)
    return [
        rod((-0.15, 0.0, seat), neck, 0.17, shirt, end_radius=0.15),
        ellipsoid((lean - 0.02, 0.0, seat + 0.75), (0.25, 0.22, 0.28), plain(rng.uniform(0.1, 0.9, 3))),
        *(
            rod((neck[0], s * 0.2, neck[2] - 0.1), (0.45, s * 0.22, seat + 0.15), 0.05, shirt)
            for s in (-1, 1)
        ),
        *(rod((-0.1, s * 0.1, seat), (0.22, s * 0.14, seat - 0.3), 0.08, trousers) for s in (-1.0, 1.0)),
        *(rod((0.22, s * 0.14, seat - 0.3), (0.05, s * 0.14, 0.3), 0.06, trousers) for s in (-1.0, 1.0)),
    ]


def bicycle(rng: np.random.Generator, *, ridden: bool) -> Thing:
    """A bicycle: two thin wheels, a frame of tubes, saddle and handlebar, perhaps with a rider."""
    paint, base = car_paint(rng), rng.uniform(0.5, 0.56)
    parts = [
        *(rod((x, -0.02, 0.34), (x, 0.02, 0.34), 0.34, TIRE) for x in (-base, base)),
        *(rod((x, -0.025, 0.34), (x, 0.025, 0.34), 0.28, RIM) for x in (-base, base)),
        rod((-base, 0.0, 0.34), (-0.15, 0.0, 0.85), 0.025, paint),
        rod((-0.15, 0.0, 0.85), (0.38, 0.0, 0.85), 0.025, paint),
        rod((0.0, 0.0, 0.3), (0.38, 0.0, 0.82), 0.025, paint),
        rod((base, 0.0, 0.34), (0.36, 0.0, 1.02), 0.025, paint),
        box((-0.17, 0.0, 0.93), (0.26, 0.14, 0.06), DARK_METAL),
        rod((0.36, -0.28, 1.03), (0.36, 0.28, 1.03), 0.02, DARK_METAL),
    ]
    return thing("vehicle.bicycle", parts + (_rider(rng, 0.95, 0.22) if ridden else []))


def motorcycle(rng: np.random.Generator, *, ridden: bool) -> Thing:
    """A motorcycle or scooter: thick wheels, tank, seat, fork, lights, perhaps with a rider."""
    paint = car_paint(rng)
    parts = [
        *(rod((x, -0.07, 0.31), (x, 0.07, 0.31), 0.31, TIRE) for x in (-0.68, 0.7)),
        box((0.0, 0.0, 0.45), (0.6, 0.32, 0.4), DARK_METAL),
        ellipsoid((0.15, 0.0, 0.8), (0.6, 0.36, 0.32), paint),
        box((-0.4, 0.0, 0.78), (0.65, 0.28, 0.12), DARK_METAL),
        *(rod((0.7, s * 0.1, 0.31), (0.45, s * 0.1, 1.0), 0.03, CHROME) for s in (-1.0, 1.0)),
        rod((0.42, -0.38, 1.02), (0.42, 0.38, 1.02), 0.02, DARK_METAL),
        ellipsoid((0.58, 0.0, 0.85), (0.16, 0.2, 0.2), HEADLIGHT),
        box((-0.78, 0.0, 0.72), (0.08, 0.16, 0.1), TAILLIGHT),
    ]
    return thing("vehicle.motorcycle", parts + (_rider(rng, 0.88, 0.15) if ridden else []))
