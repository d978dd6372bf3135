"""The layout: a whole street drawn from one random generator."""

import numpy as np

from ponder_data.streets.ground import build_houses, lay_ground
from ponder_data.streets.profile import CURB, LANE, Profile, sample_profile
from ponder_data.streets.street import EgoPath, Scenery, Street, placed
from ponder_data.streets.things.furniture import bush, lamp_post, sign_post, tree
from ponder_data.streets.traffic import build_site, choose_site, drive, park, ride, wait_at_crossing, walk


def lay_out(rng: np.random.Generator, duration: float) -> Street:
    """Draw a street for a recording of ``duration`` seconds."""
    speed = float(rng.uniform(3.0, 11.0))
    profile = sample_profile(rng, speed * duration)
    ego = EgoPath(
        y=-profile.lane_center(int(rng.integers(profile.lanes))),
        speed=speed,
        sway=float(rng.uniform(0.0, 0.35)),
        rate=float(rng.uniform(0.4, 0.9)),
        phase=float(rng.uniform(0.0, 2 * np.pi)),
    )
    site_side = float(rng.choice([-1.0, 1.0]))
    site = choose_site(rng, profile) if rng.random() < 0.55 else None
    actors = [*drive(rng, profile, ego, duration), *wait_at_crossing(rng, profile)]
    for side in (-1.0, 1.0):
        actors += park(rng, profile, side, site if side == site_side else None)
    if site is not None:
        actors += build_site(rng, profile, site_side, site)
    actors += [*ride(rng, profile, duration), *walk(rng, profile, duration)]
    scenery = [*lay_ground(rng, profile), *build_houses(rng, profile), *_verge(rng, profile)]
    return Street(scenery=tuple(scenery), actors=tuple(actors), ego=ego)


def _verge(rng: np.random.Generator, profile: Profile) -> list[Scenery]:
    """What stands in a row along the kerb and on the median: trees, lamps, signs, bushes, boxes."""
    scenery: list[Scenery] = []
    trees = rng.uniform(0.2, 0.75)
    for side in (-1.0, 1.0):
        y = side * (profile.curb + 0.55)
        for begin, end in profile.blocks(1.0):
            scenery += placed(sign_post(rng), begin if begin > profile.begin else end, y, 0.0, z=CURB)
            for x in np.arange(begin + rng.uniform(3.0, 9.0), end - 2.0, rng.uniform(7.0, 11.0)).tolist():
                roll = rng.random()
                if roll < trees:
                    scenery += placed(tree(rng), x, y, rng.uniform(0, 2 * np.pi), z=CURB)
                elif roll < trees + 0.25:
                    scenery += placed(lamp_post(rng), x, y, 0.0 if side < 0 else np.pi, z=CURB)
                elif roll < trees + 0.4:
                    scenery += placed(sign_post(rng), x, y, 0.0 if side < 0 else np.pi, z=CURB)
    if profile.median > 0.5 * LANE:
        for begin, end in profile.blocks(1.0):
            for x in np.arange(begin + 2.0, end - 2.0, rng.uniform(5.0, 12.0)).tolist():
                plant = bush(rng) if rng.random() < 0.8 else lamp_post(rng)
                scenery += placed(plant, x, 0.0, rng.uniform(0, 2 * np.pi), z=CURB)
    return scenery
