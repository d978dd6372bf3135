"""The results as a table: Markdown for a README, JSON for programs."""

import json
from collections.abc import Sequence

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
AHEAD = {True: "yes", False: "no", None: "one seed only"}


def table_rows(results: Sequence[Result]) -> tuple[tuple[str, ...], ...]:
    """Return the cells of each row, as in ``HEADINGS``; scores are mean (lowest to highest) over the seeds."""
    return tuple(_row(result) for result in results)


def markdown_table(results: Sequence[Result], seeds: int) -> str:
    """Return the table as Markdown, with the words that say what its figures are."""
    lines = [f"| {' | '.join(HEADINGS)} |", "|" + "---|" * len(HEADINGS)]
    lines += [f"| {' | '.join(row)} |" for row in table_rows(results)]
    return "\n".join([*lines, "", meaning(seeds), ""])


def meaning(seeds: int) -> str:
    """Return what the figures of the table are."""
    if seeds == 1:
        return "One seed: a single run each, of which nobody knows how much is chance."
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


def json_table(results: Sequence[Result], **about: object) -> str:
    """Return everything as JSON, with ``about`` before it; ``ahead`` is null with one seed."""
    return json.dumps({**about, "results": [as_tree(result) for result in results]}, indent=2) + "\n"


def _row(result: Result) -> tuple[str, ...]:
    arrow = "↑" if result.better == "higher" else "↓"
    unit = f" {result.unit}" if result.unit else ""
    return (
        result.title,
        f"{label_of(result.measure)}{unit} {arrow}",
        str(result.steps),
        _spread_words(result.scratch, result.unit),
        _spread_words(result.pretrained, result.unit),
        ("+" if result.gain >= 0 else "-") + number(abs(result.gain), result.unit),
        AHEAD[result.ahead],
    )


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
