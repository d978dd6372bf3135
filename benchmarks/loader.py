"""How fast batches come, and whether training waits for them.

    uv run python benchmarks/loader.py rooms
    uv run python benchmarks/loader.py rooms rgbd=FOLDER scans=FOLDER --workers 0 2 4
    uv run python benchmarks/loader.py rooms --train --device cuda

First, batches alone: of the first epoch, in which every scene is read or built, and of later ones, in which it is in
memory. With ``--train``, then the recipes themselves: time per step, and the share of it that waits for data.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path

from measuring import conditions
from ponder_data import Batch, Rays
from ponder_tasks.listener import SilentListener, StepReport
from ponder_tasks.loading import load_batches
from ponder_tasks.overrides import apply_overrides
from ponder_tasks.pretrain.task import PretrainTask, run_pretraining
from ponder_tasks.recipe import PretrainRecipe
from ponder_tasks.recipes import get_recipe
from ponder_tasks.scene_config import scene_config_at
from torch import Tensor


def recipe_of(words: str, assignments: list[str]) -> PretrainRecipe:
    """The recipe called ``name`` or, reading from a folder, ``name=folder``."""
    name, _, folder = words.partition("=")
    recipe = apply_overrides(get_recipe(name), assignments)
    assert isinstance(recipe, PretrainRecipe), f"{name} is no recipe for pre-training"
    if not folder:
        return recipe
    train = scene_config_at(recipe.train_data, Path(folder))
    val = scene_config_at(recipe.val_data, Path(folder))
    return recipe.model_copy(update={"train_data": train, "val_data": val})


def megabytes(batch: Batch | Rays) -> float:
    values = [getattr(batch, entry.name) for entry in fields(batch)]
    size = sum(value.nbytes for value in values if isinstance(value, Tensor)) / 1e6
    return size + sum(megabytes(value) for value in values if isinstance(value, Rays))


def time_batches(recipe: PretrainRecipe, workers: int, epochs: int) -> str:
    task = PretrainTask(recipe)
    size = recipe.trainer.batch_size
    per_epoch = -(-task.train_scenes() // size)
    steps = max(2, epochs * per_epoch)
    longer = recipe.model_copy(update={"trainer": recipe.trainer.model_copy(update={"steps": steps})})
    moments, moved = [time.perf_counter()], [0.0]
    with load_batches(PretrainTask(longer).batches(0, 1), first=0, workers=workers) as batches:
        for batch in batches:
            assert isinstance(batch, Batch), "pre-training batches are these"
            moments.append(time.perf_counter())
            moved.append(megabytes(batch))
    first = moments[per_epoch] - moments[1]
    # What was prepared ahead during the first epoch is not counted to the later ones: they start where it ends.
    later = moments[-1] - moments[per_epoch]
    count = size * (steps - per_epoch)
    return (
        f"{workers:>7}  {moments[1] - moments[0]:>12.2f}  {size * (per_epoch - 1) / max(first, 1e-9):>14.1f}  "
        f"{count / later:>14.1f}  {sum(moved[per_epoch + 1 :]) / later:>8.0f}"
    )


@dataclass(slots=True)
class Watch(SilentListener):
    """Keeps the reports of the steps and when they came."""

    reports: list[tuple[float, StepReport]] = field(default_factory=list)

    def stepped(self, report: StepReport) -> None:
        """Keep the report."""
        self.reports.append((time.perf_counter(), report))


def time_training(recipe: PretrainRecipe, workers: str, steps: int, device: str) -> str:
    short = apply_overrides(
        recipe,
        [
            f"trainer.steps={steps}",
            f"trainer.workers={workers}",
            f"trainer.accelerator={device}",
            "trainer.checkpoint_every=1000000",
            "evaluation.scenes=1",
            "evaluation.views_per_scene=1",
            "evaluation.pixel_stride=8",
        ],
    )
    watch, started = Watch(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        end = run_pretraining(short, Path(folder) / "run", command="benchmark", listener=watch)
    if end.interrupted:
        raise SystemExit(f"interrupted after {end.step} of {steps} steps: nothing to tell")
    moments = [moment for moment, _ in watch.reports]
    taken = [after - before for before, after in pairwise(moments)]
    waits = [report.data_wait for _, report in watch.reports]
    half = steps // 2
    return (
        f"{workers:>7}  {moments[0] - started:>12.1f}  {statistics.fmean(taken[:half]) * 1e3:>12.0f}  "
        f"{statistics.fmean(waits[1:half]):>8.1%}  {statistics.fmean(taken[half:]) * 1e3:>12.0f}  "
        f"{statistics.fmean(waits[half:]):>8.1%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("recipes", nargs="+", metavar="RECIPE[=FOLDER]")
    parser.add_argument("--workers", nargs="*", type=int, default=[0, 2, 4])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--train", nargs="*", metavar="WORKERS", help="train, with each of these (auto)")
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--set", action="append", default=[], dest="assignments", metavar="KEY=VALUE")
    options = parser.parse_args()
    print(", ".join(f"{name} {value}" for name, value in conditions().items()))
    for words in options.recipes:
        recipe = recipe_of(words, options.assignments)
        scenes, size = PretrainTask(recipe).train_scenes(), recipe.trainer.batch_size
        print(f"\n{recipe.name}: {scenes} scenes, {size} a batch")
        if options.workers:
            print("workers  first batch s  epoch 1 scene/s  later scene/s      MB/s")
        for workers in options.workers:
            print(time_batches(recipe, workers, options.epochs), flush=True)
        if options.train is not None:
            print(
                f"workers  first step s  ms, 1st half     waits  ms, 2nd half     waits   ({options.steps} steps)"
            )
        for workers in (options.train or ["auto"]) if options.train is not None else []:
            print(time_training(recipe, workers, options.steps, options.device), flush=True)


if __name__ == "__main__":
    main()
