"""Bringing runs to their end: a finished one is found again, a stopped one goes on, and others begin."""

import json
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from ponder_tasks.bench.plan import Plan, PlannedRun
from ponder_tasks.encoder_source import with_encoder
from ponder_tasks.finetuning import run_finetuning
from ponder_tasks.listener import Measurement, TrainingListener
from ponder_tasks.overrides import flatten
from ponder_tasks.pretrain.task import run_pretraining
from ponder_tasks.recipe import FinetuneRecipe, PretrainingRecipe
from ponder_tasks.report.wording import duration
from ponder_tasks.run_folder import RunFolder, write_atomically
from ponder_tasks.sole_writer import sole_writer

TIMES_FILE = "bench.json"

Listening = Callable[[], AbstractContextManager[TrainingListener]]
"""Makes what watches one run."""


class BenchStopped(Exception):
    """A signal stopped a run after it had saved; the same benchmark goes on from there."""


def run_one_by_one(
    plan: Plan, output: Path, *, command: str, listening: Listening, tell: Callable[[str], None]
) -> None:
    """Bring all runs of ``plan`` to their end in this process, with all its threads, in the folder ``output``.

    Raises:
        BenchStopped: when a signal stopped one.
        ValueError: when a run is there that was made with another recipe.
    """
    for planned in plan.runs:
        recipe, path = complete_recipe(planned, output), output / planned.name
        if is_finished(recipe, path):
            tell(f"{planned.name}: finished before")
            continue
        tell(words_of(planned))
        bring_to_end(recipe, path, command=command, listening=listening)


def words_of(planned: PlannedRun) -> str:
    """Return what a person is told before a run begins."""
    return f"{planned.name}: {planned.recipe.trainer.steps} steps, about {duration(planned.seconds)}"


def complete_recipe(planned: PlannedRun, output: Path) -> PretrainingRecipe | FinetuneRecipe:
    """Return the recipe of a run with the encoder it starts from, which is then finished.

    Raises:
        ValueError: when the run it follows cannot be read.
    """
    if planned.follows is None or isinstance(planned.recipe, PretrainingRecipe):
        return planned.recipe
    return with_encoder(planned.recipe, str(output / planned.follows))


def is_finished(recipe: PretrainingRecipe | FinetuneRecipe, path: Path) -> bool:
    """Return whether the run of ``recipe`` in ``path`` was finished before.

    Raises:
        ValueError: when it is a run of another recipe.
    """
    if not (path / "recipe.yaml").is_file():
        return False
    _check_same(recipe, RunFolder.open(path))
    return (path / "summary.json").is_file()


def bring_to_end(
    recipe: PretrainingRecipe | FinetuneRecipe, path: Path, *, command: str, listening: Listening
) -> None:
    """Train ``recipe`` in ``path``, from its last checkpoint where it has one, and note how long it took.

    Raises:
        BenchStopped: when a signal stopped it.
        ValueError: when a run of another recipe is there, or another process is at work on this one.
    """
    if is_finished(recipe, path):
        return
    resume = any((path / "checkpoints").glob("step-*"))
    if not resume and (path / "recipe.yaml").is_file():
        with sole_writer(path):
            pass  # the process of a killed benchmark may still be saving
        shutil.rmtree(path)  # killed before its first checkpoint: there is nothing to go on from
    before, started = seconds_of(path), time.monotonic()
    with listening() as listener:
        if isinstance(recipe, PretrainingRecipe):
            end = run_pretraining(recipe, path, command=command, listener=listener, resume=resume)
        else:
            end = run_finetuning(recipe, path, command=command, listener=listener, resume=resume)
    note_seconds(path, before + time.monotonic() - started)
    if end.interrupted:
        raise BenchStopped(f"{path} is saved at step {end.step}")


def note_seconds(path: Path, seconds: float) -> None:
    """Write down how long the run or the benchmark in ``path`` has taken so far."""
    write_atomically(path / TIMES_FILE, json.dumps({"seconds": round(seconds, 2)}) + "\n")


def seconds_of(path: Path) -> float:
    """Return how long the run or the benchmark in ``path`` took in all, data and measurements included.

    0 where nobody knows.
    """
    file = path / TIMES_FILE
    return float(json.loads(file.read_text(encoding="utf-8"))["seconds"]) if file.is_file() else 0.0


def closing_measurements(path: Path) -> tuple[Measurement, ...]:
    """Return what a finished run measured at its end."""
    summary = json.loads((path / "summary.json").read_text(encoding="utf-8"))
    return tuple(Measurement(**measurement) for measurement in summary["measurements"])


def closing_measurement(path: Path, name: str) -> Measurement:
    """Return one of them.

    Raises:
        ValueError: when the run has not measured it.
    """
    measurements = closing_measurements(path)
    found = next((measurement for measurement in measurements if measurement.name == name), None)
    if found is None:
        raise ValueError(f"{path} has not measured {name}, but {', '.join(m.name for m in measurements)}")
    return found


def _check_same(recipe: PretrainingRecipe | FinetuneRecipe, folder: RunFolder) -> None:
    wanted = dict(flatten(recipe.model_dump(mode="json")))
    there = dict(flatten(folder.recipe().model_dump(mode="json")))
    differing = [key for key in wanted if wanted[key] != there.get(key)]
    if differing:
        key = differing[0]
        raise ValueError(
            f"{folder.path} was made with {key}={there.get(key)}, and now it would be {wanted[key]}: the benchmark has "
            "another budget, seeds, data or --at-once than before; give the same again, or another folder with -o"
        )
