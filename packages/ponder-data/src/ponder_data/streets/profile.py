"""The profile of a street: lanes, cycle lanes, kerbs and sidewalks across it, and where another road crosses."""

from dataclasses import dataclass

import numpy as np

LANE = 3.4
"""Width of a lane, metres."""

CURB = 0.14
"""Height of sidewalks over the road, metres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Measures across and along a street, metres; it is alike on both sides.

    Attributes:
        begin, end: x of the two ends of everything built.
        lanes: lanes in each direction.
        median: width of the strip between the directions, 0 for none.
        cycle: width of the cycle lane on either side.
        parking: width of the parking lane on either side.
        sidewalk: width of the sidewalks.
        crossing: x of the axis of the crossing road, or None.
        crossing_width: its width.
    """

    begin: float
    end: float
    lanes: int
    median: float
    cycle: float
    parking: float
    sidewalk: float
    crossing: float | None
    crossing_width: float

    @property
    def lane_edge(self) -> float:
        """y of the outer edge of the outermost lane."""
        return 0.5 * self.median + self.lanes * LANE

    @property
    def curb(self) -> float:
        """y of the kerb."""
        return self.lane_edge + self.cycle + self.parking

    @property
    def front(self) -> float:
        """y of the sidewalk's far edge, where the lots begin."""
        return self.curb + self.sidewalk

    def lane_center(self, lane: int) -> float:
        """y of the middle of a lane on the side of +y, counted from the middle of the road."""
        return 0.5 * self.median + (lane + 0.5) * LANE

    def blocks(self, margin: float = 0.0) -> list[tuple[float, float]]:
        """The stretches of x beside which no road leads off, each shortened by ``margin`` at a crossing."""
        if self.crossing is None:
            return [(self.begin, self.end)]
        reach = 0.5 * self.crossing_width + margin
        return [(self.begin, self.crossing - reach), (self.crossing + reach, self.end)]

    def is_crossing(self, x: float, margin: float) -> bool:
        """Whether ``x`` lies in the crossing or within ``margin`` of it."""
        return self.crossing is not None and abs(x - self.crossing) < 0.5 * self.crossing_width + margin


def sample_profile(rng: np.random.Generator, travelled: float) -> Profile:
    """Draw a profile for a vehicle that drives from x = 0 to x = ``travelled`` metres."""
    crossing = float(rng.uniform(15.0, travelled + 40.0)) if rng.random() < 0.6 else None
    return Profile(
        begin=-90.0,
        end=travelled + 90.0,
        lanes=int(rng.integers(1, 3)),
        median=float(rng.choice([0.0, 0.0, 1.4, 2.4])),
        cycle=float(rng.uniform(1.3, 1.6)),
        parking=float(rng.uniform(2.3, 2.6)),
        sidewalk=float(rng.uniform(3.2, 5.0)),
        crossing=crossing,
        crossing_width=float(rng.uniform(7.0, 11.0)),
    )
