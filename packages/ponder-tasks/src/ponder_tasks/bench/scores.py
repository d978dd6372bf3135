"""What came out: the scores of each comparison over the seeds, and whether pre-training was ahead."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ponder_tasks.bench.plan import Arm, Plan, run_name
from ponder_tasks.bench.running import closing_measurement
from ponder_tasks.bench.suite import Comparison
from ponder_tasks.listener import Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The scores of several seeds: mean, lowest and highest."""

    scores: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean."""
        return statistics.mean(self.scores)

    @property
    def lowest(self) -> float:
        """The lowest."""
        return min(self.scores)

    @property
    def highest(self) -> float:
        """The highest."""
        return max(self.scores)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A comparison that was made.

    Attributes:
        name, title: of the comparison.
        measure, unit, better: of the scores; ``better`` is "higher" or "lower".
        steps: that each run took.
        scratch, pretrained: the scores, seed by seed.
    """

    name: str
    title: str
    measure: str
    unit: str
    better: str
    steps: int
    scratch: Spread
    pretrained: Spread

    @property
    def gain(self) -> float:
        """By how much the mean of the pre-trained is better; negative where it is worse."""
        difference = self.pretrained.mean - self.scratch.mean
        return difference if self.better == "higher" else -difference

    @property
    def ahead(self) -> bool | None:
        """Whether the worst pre-trained run is better than the best from scratch; None with one seed."""
        if len(self.scratch.scores) < 2:
            return None
        if self.better == "higher":
            return self.pretrained.lowest > self.scratch.highest
        return self.pretrained.highest < self.scratch.lowest


def read_results(plan: Plan, output: Path) -> tuple[Result, ...]:
    """Return the results of a plan all of whose runs are finished: of each comparison in order, one of each measure.

    Raises:
        ValueError: when a run has not measured what is compared.
    """
    return tuple(
        _result(comparison, measure, plan, output)
        for comparison in plan.suite.comparisons
        for measure in comparison.measures
    )


def _result(comparison: Comparison, measure: str, plan: Plan, output: Path) -> Result:
    def scores(arm: Arm) -> Sequence[Measurement]:
        runs = [output / run_name(comparison, arm, seed) for seed in range(plan.seeds)]
        return [closing_measurement(run, measure) for run in runs]

    scratch, pretrained = scores("scratch"), scores("pretrained")
    planned = next(run for run in plan.runs if run.name == run_name(comparison, "scratch", 0))
    return Result(
        name=comparison.name,
        title=comparison.title,
        measure=measure,
        unit=scratch[0].unit,
        better=scratch[0].better,
        steps=planned.recipe.trainer.steps,
        scratch=Spread(scores=tuple(score.value for score in scratch)),
        pretrained=Spread(scores=tuple(score.value for score in pretrained)),
    )
