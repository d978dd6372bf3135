"""Runs side by side: their measurements, who is best at what, and in which keys their recipes differ."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from ponder_tasks.listener import Measurement
from ponder_tasks.overrides import flatten
from ponder_tasks.report.history import read_history


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """One run: its name, recipe and task, how far it came, and whether it finished.

    ``seconds`` is None for a run that has not finished; its measurements are then those of its last
    validation.
    """

    name: str
    recipe: str
    task: str
    steps: int
    seconds: float | None
    finished: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedMeasurement:
    """One measurement in every run, None where a run has none.

    ``winner`` is the index of the run with the best value; None where fewer than two have one, or the best
    tie.
    """

    name: str
    unit: str
    better: str
    values: tuple[float | None, ...]
    winner: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeDifference:
    """A recipe key whose values differ; they are written as YAML, None where a recipe lacks the key."""

    key: str
    values: tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Several runs; every tuple of values is in the order of ``runs``."""

    runs: tuple[ComparedRun, ...]
    measurements: tuple[ComparedMeasurement, ...]
    differences: tuple[RecipeDifference, ...]

    def as_json(self) -> str:
        """Return everything as JSON."""
        return json.dumps(asdict(self), indent=2, allow_nan=False)


def compare_runs(paths: Sequence[Path]) -> Comparison:
    """Read the run folders ``paths`` and put them side by side.

    Raises:
        ValueError: when there are fewer than two, or one is no run, or its files cannot be read.
    """
    if len(paths) < 2:
        raise ValueError(f"comparing needs at least two runs, got {len(paths)}; name another run folder")
    read = [_read_run(path, name) for path, name in zip(paths, _names(paths), strict=True)]
    return Comparison(
        runs=tuple(run for run, _, _ in read),
        measurements=_side_by_side([measurements for _, measurements, _ in read]),
        differences=_recipe_differences([dict(flatten(recipe)) for _, _, recipe in read]),
    )


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the folders' names, or their whole paths where names repeat."""
    names = [path.resolve().name for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def _read_run(path: Path, name: str) -> tuple[ComparedRun, tuple[Measurement, ...], Mapping[str, Any]]:
    """Return one run, its measurements, and its recipe."""
    if not (path / "recipe.yaml").is_file():
        raise ValueError(
            f"{path} is no run: it has no recipe.yaml; give the folder of a run, such as runs/rooms-1"
        )
    recipe = _read_recipe(path / "recipe.yaml")
    summary_file = path / "summary.json"
    finished = summary_file.is_file()
    steps, seconds, measurements = _read_summary(summary_file) if finished else _read_unfinished(path)
    run = ComparedRun(
        name=name,
        recipe=str(recipe.get("name", "")),
        task=str(recipe.get("task", "")),
        steps=steps,
        seconds=seconds,
        finished=finished,
    )
    return run, measurements, recipe


def _read_recipe(file: Path) -> Mapping[str, Any]:
    """Return a recipe as it was written, which may be older than this version's recipes."""
    try:
        recipe = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        where = " ".join(str(error).split())
        raise ValueError(f"{file} is not valid YAML ({where}); restore it or leave this run out") from error
    if not isinstance(recipe, Mapping):
        raise ValueError(f"{file} holds no recipe; restore it or leave this run out")
    return recipe


def _read_summary(file: Path) -> tuple[int, float | None, tuple[Measurement, ...]]:
    """Return the steps, seconds and closing measurements of a finished run."""
    try:
        summary = json.loads(file.read_text(encoding="utf-8"))
        measurements = tuple(Measurement(**measurement) for measurement in summary["measurements"])
        return int(summary["steps"]), float(summary["seconds"]), measurements
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{file} is not the summary of a run ({error!r}); leave this run out") from error


def _read_unfinished(path: Path) -> tuple[int, float | None, tuple[Measurement, ...]]:
    """Return the last step and last validation of a run that has no summary yet."""
    history = read_history(path / "metrics.jsonl")
    steps = history.train[-1].step if history.train else 0
    last = history.validation[-1].measurements if history.validation else ()
    return steps, None, tuple(Measurement(name=name, value=value, better="") for name, value in last)


def _side_by_side(runs: Sequence[Sequence[Measurement]]) -> tuple[ComparedMeasurement, ...]:
    """Return one row per measurement that any run has, in the order of first appearance.

    Unit and direction come from a finished run, because ``metrics.jsonl`` does not hold them.
    """
    by_name = [{measurement.name: measurement for measurement in run} for run in runs]
    rows = []
    for name in dict.fromkeys(name for run in by_name for name in run):
        found = [run.get(name) for run in by_name]
        known = next((one for one in found if one is not None and one.better), None)
        values = tuple(None if one is None or not math.isfinite(one.value) else one.value for one in found)
        better = known.better if known else ""
        rows.append(
            ComparedMeasurement(
                name=name,
                unit=known.unit if known else "",
                better=better,
                values=values,
                winner=_winner(values, better),
            )
        )
    return tuple(rows)


def _winner(values: Sequence[float | None], better: str) -> int | None:
    """Return the index of the single best value, or None."""
    present = [value for value in values if value is not None]
    if len(present) < 2 or better not in ("higher", "lower"):
        return None
    best = max(present) if better == "higher" else min(present)
    return values.index(best) if present.count(best) == 1 else None


def _recipe_differences(recipes: Sequence[Mapping[str, Any]]) -> tuple[RecipeDifference, ...]:
    """Return the keys whose values are not the same in all recipes, in the order of first appearance."""
    differences = []
    for key in dict.fromkeys(key for recipe in recipes for key in recipe):
        values = tuple(_as_yaml(recipe[key]) if key in recipe else None for recipe in recipes)
        if len(set(values)) > 1:
            differences.append(RecipeDifference(key=key, values=values))
    return tuple(differences)


def _as_yaml(value: Any) -> str:
    """Return a recipe's value on one line, as one would write it after ``--set key=``."""
    text = yaml.safe_dump(value, default_flow_style=True, width=math.inf, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...").strip()
