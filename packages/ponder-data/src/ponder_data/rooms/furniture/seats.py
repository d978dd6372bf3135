"""Seats: chairs, office chairs, stools, sofas and armchairs."""

import numpy as np

from ponder_data.rooms.classes import RoomClass
from ponder_data.rooms.furniture.legs import four_legs, pedestal, short_feet, star_foot
from ponder_data.rooms.furniture.piece import Piece
from ponder_data.rooms.materials import Palette
from ponder_data.rooms.parts import Part, bar, box, disc, ellipsoid, rod, turn_x


def chair(rng: np.random.Generator, palette: Palette) -> Piece:
    """A chair with a back: seat on four legs, back of a panel, slats or rails, with or without arms."""
    width, depth = rng.uniform(0.38, 0.5), rng.uniform(0.38, 0.48)
    seat, top = rng.uniform(0.42, 0.5), rng.uniform(0.78, 1.02)
    thick = rng.uniform(0.02, 0.07)
    leg = rng.uniform(0.025, 0.045)
    plate = disc if rng.random() < 0.2 else box
    parts = [plate((0.0, 0.0, seat - 0.5 * thick), (width, depth, thick), palette[0])]
    parts += four_legs(rng, palette[1], width, depth, seat - thick, leg)
    parts += _backrest(rng, palette, width, depth, seat, top)
    if rng.random() < 0.25:
        parts += _chair_arms(palette, width, depth, seat, rng.uniform(0.18, 0.25))
    return Piece(label=RoomClass.CHAIR, parts=tuple(parts))


def office_chair(rng: np.random.Generator, palette: Palette) -> Piece:
    """A swivel chair: five-armed foot or round plate, cushioned seat, back on a bracket."""
    width, depth = rng.uniform(0.44, 0.52), rng.uniform(0.42, 0.5)
    seat, back = rng.uniform(0.44, 0.54), rng.uniform(0.35, 0.65)
    foot = star_foot if rng.random() < 0.75 else pedestal
    parts = foot(rng, palette[1], rng.uniform(0.25, 0.32), seat - 0.08)
    soft = rng.random() < 0.5
    parts.append(
        ellipsoid((0.0, 0.0, seat - 0.05), (width * 1.1, depth * 1.1, 0.13), palette[0])
        if soft
        else box((0.0, 0.0, seat - 0.04), (width, depth, 0.08), palette[0])
    )
    lean = turn_x(rng.uniform(0.05, 0.2))
    rear = -0.5 * depth
    parts.append(bar((0.0, rear * 0.7, seat - 0.09), (0.0, rear - 0.05, seat + 0.2), 0.06, 0.02, palette[1]))
    middle = (0.0, rear - 0.04, seat + 0.12 + 0.5 * back)
    shape = ellipsoid if soft and rng.random() < 0.5 else box
    parts.append(shape(middle, (0.9 * width, 0.07, back), palette[0], lean))
    if rng.random() < 0.6:
        parts += _chair_arms(palette, width + 0.08, 0.8 * depth, seat - 0.05, rng.uniform(0.2, 0.26))
        bracket = (0.0, 0.28 * depth - 0.05, seat - 0.065)
        parts.append(box(bracket, (width + 0.08, 0.05, 0.025), palette[1]))
    return Piece(label=RoomClass.CHAIR, parts=tuple(parts))


def stool(rng: np.random.Generator, palette: Palette) -> Piece:
    """A seat without a back: a plate or cushion on legs or a pedestal."""
    size, height = rng.uniform(0.3, 0.42), rng.uniform(0.42, 0.72)
    thick = rng.uniform(0.03, 0.09)
    plate = disc if rng.random() < 0.65 else box
    parts = [plate((0.0, 0.0, height - 0.5 * thick), (size, size, thick), palette[0])]
    if rng.random() < 0.7:
        parts += four_legs(rng, palette[1], 0.8 * size, 0.8 * size, height - thick, 0.03)
        rail = 0.32 * size
        parts += [
            rod((-rail, side * rail, 0.4 * height), (rail, side * rail, 0.4 * height), 0.01, palette[1])
            for side in (-1.0, 1.0)
        ]
    else:
        parts += pedestal(rng, palette[1], 0.45 * size, height - thick)
    return Piece(label=RoomClass.CHAIR, parts=tuple(parts))


def sofa(rng: np.random.Generator, palette: Palette) -> Piece:
    """A sofa of one to three seats: base, cushions, back, arms (boxes or rolls), sometimes a chaise."""
    seats = int(rng.choice([1, 2, 2, 3, 3]))
    place, depth = rng.uniform(0.55, 0.7), rng.uniform(0.75, 0.95)
    arm = rng.uniform(0.1, 0.24)
    inner = seats * place
    width = inner + 2 * arm
    feet = rng.uniform(0.03, 0.15)
    seat, top = rng.uniform(0.38, 0.47), rng.uniform(0.68, 0.92)
    back = rng.uniform(0.16, 0.26)
    cushion = rng.uniform(0.1, 0.17)
    parts = short_feet(palette[3], width, depth, feet)
    body = seat - cushion - feet
    parts.append(box((0.0, 0.0, feet + 0.5 * body), (width, depth, body), palette[0]))
    rear = -0.5 * depth + 0.5 * back
    parts.append(box((0.0, rear, feet + 0.5 * (top - feet)), (width, back, top - feet), palette[0]))
    parts += _sofa_arms(rng, palette, width, depth, arm, feet, seat + rng.uniform(0.08, 0.2))
    lean = turn_x(rng.uniform(0.1, 0.25))
    for index in range(seats):
        x = (index - 0.5 * (seats - 1)) * place
        size = (place - 0.015, depth - back, cushion)
        parts.append(box((x, 0.5 * back + 0.01, seat - 0.5 * cushion), size, palette[1]))
        rest = top - seat - 0.04
        parts.append(
            box(
                (x, rear + 0.5 * back + 0.05, seat + 0.5 * rest), (place - 0.03, 0.12, rest), palette[1], lean
            )
        )
    if seats > 1 and rng.random() < 0.3:
        parts += _chaise(rng, palette, inner, place, depth, feet, seat, cushion)
    if rng.random() < 0.6:
        side = rng.choice([-1.0, 1.0]) * 0.4 * inner
        parts.append(ellipsoid((side, 0.02, seat + 0.16), (0.4, 0.16, 0.38), palette[2], turn_x(0.35)))
    return Piece(label=RoomClass.SOFA, parts=tuple(parts))


def _sofa_arms(
    rng: np.random.Generator,
    palette: Palette,
    width: float,
    depth: float,
    arm: float,
    feet: float,
    top: float,
) -> list[Part]:
    rolled = rng.random() < 0.4
    parts: list[Part] = []
    for side in (-1.0, 1.0):
        x = side * 0.5 * (width - arm)
        high = top - (0.5 * arm if rolled else 0.0)
        parts.append(box((x, 0.0, 0.5 * (feet + high)), (arm + 0.01, depth + 0.01, high - feet), palette[0]))
        if rolled:
            parts.append(rod((x, -0.5 * depth, high), (x, 0.5 * depth, high), 0.6 * arm, palette[0]))
    return parts


def _chaise(
    rng: np.random.Generator,
    palette: Palette,
    inner: float,
    place: float,
    depth: float,
    feet: float,
    seat: float,
    cushion: float,
) -> list[Part]:
    reach = rng.uniform(0.4, 0.65)
    x = rng.choice([-1.0, 1.0]) * 0.5 * (inner - place)
    y = 0.5 * (depth + reach)
    body = seat - cushion - feet
    return [
        box((x, y, feet + 0.5 * body), (place, reach, body), palette[0]),
        box((x, y, seat - 0.5 * cushion), (place - 0.015, reach - 0.01, cushion), palette[1]),
        *(
            box((x + s * 0.4 * place, y + 0.4 * reach, 0.5 * feet), (0.04, 0.04, feet), palette[3])
            for s in (-1.0, 1.0)
        ),
    ]


def _backrest(
    rng: np.random.Generator, palette: Palette, width: float, depth: float, seat: float, top: float
) -> list[Part]:
    lean = rng.uniform(0.02, 0.09)
    rear = -0.5 * depth + 0.02

    def at(x: float, z: float) -> tuple[float, float, float]:
        return x, rear - lean * (z - seat) / (top - seat), z

    half = 0.5 * width - 0.025
    posts = [
        bar(at(side * half, seat - 0.04), at(side * half, top), 0.03, 0.03, palette[1])
        for side in (-1.0, 1.0)
    ]
    style = rng.choice(["panel", "rails", "slats"])
    if style == "panel":
        low = seat + rng.uniform(0.02, 0.2)
        return [*posts, bar(at(0.0, low), at(0.0, top), width, rng.uniform(0.02, 0.05), palette[0])]
    if style == "rails":
        heights = np.linspace(seat + 0.15, top - 0.03, int(rng.integers(2, 5)))
        return [
            *posts,
            *(bar(at(0.0, z - 0.03), at(0.0, z + 0.03), width, 0.02, palette[1]) for z in heights),
        ]
    xs = np.linspace(-0.6 * half, 0.6 * half, int(rng.integers(3, 6)))
    rails = [
        bar(at(0.0, z - 0.025), at(0.0, z + 0.025), width, 0.025, palette[1])
        for z in (seat + 0.08, top - 0.03)
    ]
    return [
        *posts,
        *rails,
        *(bar(at(x, seat + 0.08), at(x, top - 0.03), 0.03, 0.015, palette[1]) for x in xs),
    ]


def _chair_arms(palette: Palette, width: float, depth: float, seat: float, height: float) -> list[Part]:
    parts: list[Part] = []
    for side in (-1.0, 1.0):
        x = side * 0.5 * width
        parts.append(box((x, -0.05, seat + height), (0.045, depth, 0.03), palette[1]))
        parts.append(
            box((x, 0.35 * depth - 0.05, seat + 0.5 * height - 0.02), (0.03, 0.03, height), palette[1])
        )
    return parts
