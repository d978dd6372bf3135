"""What came out of ablations: the score of a task after each way to pre-train."""

from dataclasses import dataclass
from pathlib import Path

from ponder_tasks.bench.plan import Plan, variant_run
from ponder_tasks.bench.running import closing_measurement
from ponder_tasks.bench.suite import Ablation


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantScore:
    """A way to pre-train, by its label, and the scores after it, one of each measure."""

    label: str
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationResult:
    """An ablation that was made.

    Attributes:
        name, title: of the ablation.
        task: title of the comparison whose task it is.
        measures, units, better: of the scores of each variant.
        variants: in the order of the ablation.
    """

    name: str
    title: str
    task: str
    measures: tuple[str, ...]
    units: tuple[str, ...]
    better: tuple[str, ...]
    variants: tuple[VariantScore, ...]


def read_ablations(plan: Plan, output: Path) -> tuple[AblationResult, ...]:
    """Return the results of the ablations of a plan all of whose runs are finished.

    Raises:
        ValueError: when a run has not measured what is compared.
    """
    return tuple(_result(ablation, output) for ablation in plan.suite.ablations)


def _result(ablation: Ablation, output: Path) -> AblationResult:
    comparison = ablation.comparison
    rows = []
    for variant in ablation.variants:
        run = output / variant_run(comparison, variant.pretraining)
        rows.append((variant.label, [closing_measurement(run, measure) for measure in comparison.measures]))
    first = rows[0][1]
    return AblationResult(
        name=ablation.name,
        title=ablation.title,
        task=comparison.title,
        measures=comparison.measures,
        units=tuple(measurement.unit for measurement in first),
        better=tuple(measurement.better for measurement in first),
        variants=tuple(
            VariantScore(label=label, scores=tuple(measurement.value for measurement in found))
            for label, found in rows
        ),
    )
