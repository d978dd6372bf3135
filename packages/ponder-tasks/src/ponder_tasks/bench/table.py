"""The results as a table: Markdown for a README, JSON for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from ponder_tasks.bench.ablation_scores import AblationResult
from ponder_tasks.bench.scores import Result, Spread
from ponder_tasks.report.wording import label_of, number

HEADINGS = (
    "task",
    "measure",
    "steps",
    "from scratch",
    "pre-trained",
    "gain",
    "ahead with non-overlapping spreads",
)
SINGLE_RUNS = "One seed: a single run each, of which nobody knows how much is chance."
AHEAD = {True: "yes", False: "no", None: "one seed only"}


def table_rows(results: Sequence[Result]) -> tuple[tuple[str, ...], ...]:
    """Return the cells of each row, as in ``HEADINGS``; scores are mean (lowest to highest) over the seeds."""
    return tuple(_row(result) for result in results)


def markdown_table(results: Sequence[Result], seeds: int) -> str:
    """Return the table as Markdown, with the words that say what its figures are."""
    lines = [f"| {' | '.join(HEADINGS)} |", "|" + "---|" * len(HEADINGS)]
    lines += [f"| {' | '.join(row)} |" for row in table_rows(results)]
    return "\n".join([*lines, "", meaning(seeds), ""])


def ablation_headings(result: AblationResult) -> tuple[str, ...]:
    """Return the headings of an ablation's table: what is varied, and the measures."""
    measures = zip(result.measures, result.units, result.better, strict=True)
    return (result.title, *(_measure_words(measure, unit, better) for measure, unit, better in measures))


def ablation_rows(result: AblationResult) -> tuple[tuple[str, ...], ...]:
    """Return the cells of each row: the variant, and its scores."""
    return tuple(
        (
            variant.label,
            *(number(score, unit) for score, unit in zip(variant.scores, result.units, strict=True)),
        )
        for variant in result.variants
    )


def markdown_ablation(result: AblationResult) -> str:
    """Return an ablation's table as Markdown, with the words that say what its figures are."""
    headings = ablation_headings(result)
    lines = [f"| {' | '.join(headings)} |", "|" + "---|" * len(headings)]
    lines += [f"| {' | '.join(row)} |" for row in ablation_rows(result)]
    return "\n".join([*lines, "", f"{result.task}. {SINGLE_RUNS}", ""])


def meaning(seeds: int) -> str:
    """Return what the figures of the table are."""
    if seeds == 1:
        return SINGLE_RUNS
    return (
        f"Mean (lowest to highest) of {seeds} seeds, with equal steps in both columns. Spreads do not overlap where "
        "the worst pre-trained run is better than the best from scratch."
    )


def as_tree(result: Result) -> dict[str, object]:
    """Return a result as ``json.dumps`` takes it."""
    return {
        "name": result.name,
        "title": result.title,
        "measure": result.measure,
        "unit": result.unit,
        "better": result.better,
        "steps": result.steps,
        "scratch": _spread_tree(result.scratch),
        "pretrained": _spread_tree(result.pretrained),
        "gain": result.gain,
        "ahead": result.ahead,
    }


def json_table(results: Sequence[Result], ablations: Sequence[AblationResult] = (), **about: object) -> str:
    """Return everything as JSON, with ``about`` before it; ``ahead`` is null with one seed."""
    tree = {
        **about,
        "results": [as_tree(result) for result in results],
        "ablations": [asdict(ablation) for ablation in ablations],
    }
    return json.dumps(tree, indent=2) + "\n"


def _row(result: Result) -> tuple[str, ...]:
    return (
        result.title,
        _measure_words(result.measure, result.unit, result.better),
        str(result.steps),
        _spread_words(result.scratch, result.unit),
        _spread_words(result.pretrained, result.unit),
        ("+" if result.gain >= 0 else "-") + number(abs(result.gain), result.unit),
        AHEAD[result.ahead],
    )


def _measure_words(measure: str, unit: str, better: str) -> str:
    return f"{label_of(measure)}{f' {unit}' if unit else ''} {'↑' if better == 'higher' else '↓'}"


def _spread_words(spread: Spread, unit: str) -> str:
    mean = number(spread.mean, unit)
    if len(spread.scores) < 2:
        return mean
    return f"{mean} ({number(spread.lowest, unit)} to {number(spread.highest, unit)})"


def _spread_tree(spread: Spread) -> dict[str, object]:
    return {
        "mean": spread.mean,
        "lowest": spread.lowest,
        "highest": spread.highest,
        "scores": list(spread.scores),
    }
