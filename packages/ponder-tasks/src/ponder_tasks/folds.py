"""Cross-validation: the runs of several folds measured together, every scene by the run that was not trained on it.

So it is with the six folds of S3DIS: six runs, each tested on an area of its own, and one confusion matrix over the
points of all areas. That is not the mean of six figures, for areas have different sizes and classes.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ponder_tasks.checkpoint import load_weights
from ponder_tasks.devices import check_device
from ponder_tasks.evaluation import Evaluation, EvaluationOptions, evaluate_segmentation
from ponder_tasks.listener import Measurement
from ponder_tasks.metrics.class_figures import ClassFigures
from ponder_tasks.recipe import SegmentRecipe
from ponder_tasks.segment.evaluation import SegmentationFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldsEvaluation:
    """What each fold measured, and the figures over the points of all of them."""

    folds: tuple[Evaluation, ...]
    measurements: tuple[Measurement, ...]
    per_class: ClassFigures

    @property
    def scenes(self) -> int:
        """How many scenes were judged in all."""
        return sum(fold.scenes for fold in self.folds)

    def as_json(self) -> str:
        """Return everything as JSON; measurements carry their unit."""
        tree = {
            "folds": [fold.tree() for fold in self.folds],
            "scenes": self.scenes,
            "measurements": {m.name: {"value": m.value, "unit": m.unit} for m in self.measurements},
            "per_class": self.per_class.as_json(),
        }
        return json.dumps(tree, indent=2)


@torch.no_grad()
def evaluate_folds(
    runs: Sequence[Path], options: EvaluationOptions, *, device: str = "cpu"
) -> FoldsEvaluation:
    """Measure the newest checkpoint of each run on its own validation scenes, and all of them together.

    Raises:
        ValueError: when a run is not of semantic segmentation or cannot be read, runs have other classes, a scene is
            judged by two of them, or ``options`` ask for files of a benchmark.
    """
    check_device(device)
    if options.scannet_export or options.lidarseg_export or options.nuscenes_export:
        raise ValueError("a benchmark's files are those of one run: give a single run with --export")
    folds: list[Evaluation] = []
    together: SegmentationFigures | None = None
    for run in runs:
        weights = load_weights(run)
        if not isinstance(weights.recipe, SegmentRecipe):
            raise ValueError(
                f"{run} is a run of {weights.recipe.name} ({weights.recipe.task}); only runs of semantic segmentation "
                "are measured together: give this one alone"
            )
        evaluation, figures = evaluate_segmentation(run, weights, weights.recipe, options, device)
        folds.append(evaluation)
        if together is None:
            together = figures
            continue
        try:
            together.include(figures)
        except ValueError as error:
            raise ValueError(f"{run}: {error}") from error
    if together is None:
        raise ValueError("no run was given to measure")
    return FoldsEvaluation(
        folds=tuple(folds),
        measurements=together.measurements(),
        per_class=together.metrics().per_class(),
    )
