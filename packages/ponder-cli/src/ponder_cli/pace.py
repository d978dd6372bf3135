"""How fast a run goes, and when it will be done."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import fmean, harmonic_mean
from time import monotonic

from ponder_tasks.listener import StepReport

WINDOW = 30
"""Steps over which rates are averaged: long enough to be steady, short enough to follow a change."""


@dataclass(slots=True)
class Pace:
    """The pace of the last steps.

    Args:
        steps: the step at which the run ends.
        first_step: the steps that were taken before, by a run that is resumed.
        clock: seconds, from any origin.
    """

    steps: int
    first_step: int = 0
    clock: Callable[[], float] = monotonic
    _seen: deque[tuple[float, StepReport]] = field(init=False, default_factory=lambda: deque(maxlen=WINDOW))
    _previous: tuple[float, int] = field(init=False)

    def __post_init__(self) -> None:
        self._previous = (self.clock(), self.first_step)

    def stepped(self, report: StepReport) -> None:
        """Take note of a step that has just been taken."""
        if len(self._seen) == WINDOW:
            moment, oldest = self._seen[0]
            self._previous = (moment, oldest.step)
        self._seen.append((self.clock(), report))

    @property
    def seconds_left(self) -> float:
        """Seconds to the last step at the pace of the last steps; infinite before the first step."""
        if not self._seen:
            return float("inf")
        moment, latest = self._seen[-1]
        before, step = self._previous
        return (moment - before) / (latest.step - step) * (self.steps - latest.step)

    @property
    def points_per_second(self) -> float:
        """Over the last steps."""
        return self._over_window(lambda report: report.points_per_second)

    @property
    def rays_per_second(self) -> float:
        """Over the last steps; 0 where nothing is rendered."""
        return self._over_window(lambda report: report.rays_per_second)

    @property
    def data_wait(self) -> float:
        """Share of the time of the last steps spent waiting for batches."""
        shares = [report.data_wait for _, report in self._seen]
        return fmean(shares) if shares else 0.0

    def _over_window(self, of: Callable[[StepReport], float]) -> float:
        # Harmonic: steps hold about the same number of points, so this is their sum over the time they took.
        rates = [of(report) for _, report in self._seen]
        return float(harmonic_mean(rates)) if rates else 0.0
