"""Who is in the street: parked and moving vehicles, riders, people, and building sites."""

from collections.abc import Callable, Iterator

import numpy as np

from ponder_data.streets.profile import CURB, Profile
from ponder_data.streets.street import Actor, EgoPath
from ponder_data.streets.thing import Thing
from ponder_data.streets.things.furniture import barrier, traffic_cone
from ponder_data.streets.things.people import bicycle, motorcycle, pedestrian
from ponder_data.streets.things.vehicles import bus, car, excavator, trailer, truck

Build = Callable[[np.random.Generator], Thing]
_DRIVEN: tuple[tuple[Build, float], ...] = ((car, 0.7), (truck, 0.18), (bus, 0.12))
_EGO_REACH = 4.0
_FAR = 85.0


def _one_of(rng: np.random.Generator, choices: tuple[tuple[Build, float], ...]) -> Thing:
    odds = np.array([odd for _, odd in choices])
    build = choices[int(rng.choice(len(choices), p=odds / odds.sum()))][0]
    return build(rng)


def _actor(
    thing: Thing,
    x: float,
    y: float,
    heading: float,
    *,
    speed: float = 0.0,
    attribute: str | None,
    z: float = 0.0,
) -> Actor:
    """Put a thing so that the middle of its box lies over (x, y), moving along its heading."""
    forward = np.array([np.cos(heading), np.sin(heading), 0.0])
    left = np.array([-forward[1], forward[0], 0.0])
    middle = 0.5 * (thing.lower + thing.upper)
    position = np.array([x, y, z]) - forward * middle[0] - left * middle[1]
    return Actor(
        thing=thing, position=position, heading=heading, velocity=speed * forward, attribute=attribute
    )


def drive(rng: np.random.Generator, profile: Profile, ego: EgoPath, duration: float) -> Iterator[Actor]:
    """Vehicles in the lanes: those of one lane share its speed, so that none runs into another.

    On the ego lane that speed is the ego vehicle's, and a gap is left for it. Other lanes may stand still.
    """
    for side in (-1.0, 1.0):
        heading = 0.0 if side < 0 else np.pi
        for lane in range(profile.lanes):
            y = side * profile.lane_center(lane)
            own = abs(y - ego.y) < 1.0
            speed = ego.speed if own else (0.0 if rng.random() < 0.2 else float(rng.uniform(4.0, 13.0)))
            # Places at time 0 of everyone who is near the ego vehicle at some time of the recording.
            gained = ego.speed * duration + side * speed * duration
            x = min(0.0, gained) - _FAR + rng.uniform(0.0, 20.0)
            while x < max(0.0, gained) + _FAR:
                thing = _one_of(rng, _DRIVEN)
                middle = x + 0.5 * thing.length
                blocked = own and abs(middle) < 0.5 * thing.length + _EGO_REACH + 3.0
                stands_in_crossing = speed == 0.0 and profile.is_crossing(middle, 0.5 * thing.length + 4.0)
                if not blocked and not stands_in_crossing:
                    attribute = "vehicle.moving" if speed > 0 else "vehicle.stopped"
                    yield _actor(
                        thing, middle, y + rng.uniform(-0.25, 0.25), heading, speed=speed, attribute=attribute
                    )
                x += thing.length + (rng.uniform(2.0, 12.0) if speed == 0.0 else rng.uniform(9.0, 45.0))


def wait_at_crossing(rng: np.random.Generator, profile: Profile) -> Iterator[Actor]:
    """Vehicles that stand in the side road, before the main road."""
    if profile.crossing is None:
        return
    for side in (-1.0, 1.0):
        # They look to the main road, in the lane to the right of their own direction.
        heading = -side * 0.5 * np.pi
        x = profile.crossing - side * 0.25 * profile.crossing_width
        y = profile.curb + rng.uniform(3.0, 5.0)
        for _ in range(rng.integers(0, 4)):
            thing = car(rng) if rng.random() < 0.8 else truck(rng)
            yield _actor(thing, x, side * (y + 0.5 * thing.length), heading, attribute="vehicle.stopped")
            y += thing.length + rng.uniform(1.5, 4.0)


def park(
    rng: np.random.Generator, profile: Profile, side: float, site: tuple[float, float] | None
) -> Iterator[Actor]:
    """Vehicles along one kerb, in bays but for the gaps and the building site."""
    y = side * (profile.curb - 0.5 * profile.parking)
    density = rng.uniform(0.3, 0.9)
    for begin, end in profile.blocks(8.0):
        x = begin + rng.uniform(0.0, 6.0)
        while x < end - 6.0:
            roll = rng.random()
            thing = car(rng) if roll < 0.84 else (truck(rng) if roll < 0.93 else trailer(rng))
            free = site is None or x + thing.length < site[0] - 2.0 or x > site[1] + 2.0
            if x + thing.length > end:
                break
            if free and rng.random() < density:
                heading = (0.0 if side < 0 else np.pi) + rng.normal(0.0, 0.02)
                place = y + rng.uniform(-0.1, 0.1)
                yield _actor(thing, x + 0.5 * thing.length, place, heading, attribute="vehicle.parked")
            x += thing.length + rng.uniform(0.8, 3.0)


def choose_site(rng: np.random.Generator, profile: Profile) -> tuple[float, float]:
    """Where along x a building site takes the parking lane, metres, clear of the crossing."""
    length = float(rng.uniform(12.0, 22.0))
    begin, end = max(profile.blocks(8.0), key=lambda block: block[1] - block[0])
    low, high = max(begin, -25.0), min(end, profile.end - 50.0) - length
    start = float(rng.uniform(low, max(high, low)))
    return start, start + length


def build_site(
    rng: np.random.Generator, profile: Profile, side: float, site: tuple[float, float]
) -> Iterator[Actor]:
    """A building site in the parking lane: barriers along it, cones at its ends, a machine, workers."""
    edge = side * (profile.lane_edge + profile.cycle + 0.35)
    middle = side * (profile.curb - 0.5 * profile.parking)
    x = site[0] + 1.5
    while x < site[1] - 1.5:
        thing = barrier(rng)
        yield _actor(thing, x, edge, 0.5 * np.pi, attribute=None)
        x += thing.width + rng.uniform(0.1, 0.6)
    for end in site:
        for place in np.linspace(
            profile.lane_edge + profile.cycle + 0.2, profile.curb - 0.3, rng.integers(2, 5)
        ):
            yield _actor(traffic_cone(rng), end + rng.uniform(-0.3, 0.3), side * place, 0.0, attribute=None)
    center = 0.5 * (site[0] + site[1])
    if rng.random() < 0.75:
        heading = 0.0 if rng.random() < 0.5 else np.pi
        machine = excavator(rng)
        # Behind the barriers; it may stand on the edge of the sidewalk.
        place = max(abs(middle) + 0.25, abs(edge) + 0.4 + 0.5 * machine.width)
        yield _actor(machine, center, side * place, heading, attribute="vehicle.stopped")
    for reach in rng.uniform(4.2, 5.5, rng.integers(1, 3)):
        worker = pedestrian(rng, walking=False, category="human.pedestrian.construction_worker")
        yield _actor(
            worker,
            center + rng.choice([-1, 1]) * reach,
            middle,
            rng.uniform(0, 6.28),
            attribute="pedestrian.standing",
        )


def ride(rng: np.random.Generator, profile: Profile, duration: float) -> Iterator[Actor]:
    """Cyclists and motorcyclists in the cycle lanes, all of one side at one speed."""
    for side in (-1.0, 1.0):
        y = side * (profile.lane_edge + 0.5 * profile.cycle)
        heading, speed = (0.0 if side < 0 else np.pi), float(rng.uniform(3.0, 6.0))
        shift = side * speed * duration
        x = profile.begin + min(0.0, shift) + rng.uniform(0.0, 30.0)
        while x < profile.end + max(0.0, shift):
            thing = bicycle(rng, ridden=True) if rng.random() < 0.6 else motorcycle(rng, ridden=True)
            place = y + rng.uniform(-0.15, 0.15)
            yield _actor(thing, x, place, heading, speed=speed, attribute="cycle.with_rider")
            x += rng.uniform(15.0, 60.0)


def walk(rng: np.random.Generator, profile: Profile, duration: float) -> Iterator[Actor]:
    """People on the sidewalks: two bands of walkers, one for each direction, and some who stand by the houses."""
    for side in (-1.0, 1.0):
        for band, direction in ((0.45, 1.0), (0.65, -1.0)):
            y = side * (profile.curb + band * profile.sidewalk)
            speed = float(rng.uniform(0.9, 1.7))
            x = profile.begin + rng.uniform(0.0, 10.0)
            while x < profile.end:
                category = "human.pedestrian.child" if rng.random() < 0.12 else "human.pedestrian.adult"
                thing = pedestrian(rng, walking=True, category=category)
                heading = 0.0 if direction > 0 else np.pi
                if not _reaches_crossing(profile, x, direction * speed * duration):
                    yield _actor(thing, x, y, heading, speed=speed, attribute="pedestrian.moving", z=CURB)
                x += rng.uniform(1.2, 3.0) if rng.random() < 0.3 else rng.uniform(5.0, 30.0)
        yield from _stand(rng, profile, side)


def _reaches_crossing(profile: Profile, x: float, way: float) -> bool:
    """Whether someone who walks ``way`` metres from ``x`` steps off the kerb of a crossing."""
    low, high = min(x, x + way), max(x, x + way)
    if profile.crossing is None:
        return False
    reach = 0.5 * profile.crossing_width + 0.3
    return low < profile.crossing + reach and high > profile.crossing - reach


def _stand(rng: np.random.Generator, profile: Profile, side: float) -> Iterator[Actor]:
    """People who stand, and bicycles and motorcycles that lean, along the far edge of the sidewalk."""
    y = side * (profile.curb + 0.88 * profile.sidewalk)
    for begin, end in profile.blocks(3.0):
        x = begin + rng.uniform(0.0, 15.0)
        while x < end - 2.0:
            roll, heading = rng.random(), float(rng.uniform(0, 2 * np.pi))
            if roll < 0.45:
                yield _actor(
                    pedestrian(rng, walking=False), x, y, heading, attribute="pedestrian.standing", z=CURB
                )
            else:
                parked = bicycle(rng, ridden=False) if roll < 0.8 else motorcycle(rng, ridden=False)
                heading = rng.normal(0.0, 0.1)
                yield _actor(parked, x, y, heading, attribute="cycle.without_rider", z=CURB)
            x += rng.uniform(2.5, 24.0)
