"""Fine-tuning an encoder for a task: the one place that says which recipe is followed by which task."""

from pathlib import Path

from ponder_tasks.detect.task import DetectTask
from ponder_tasks.instances.task import InstanceTask
from ponder_tasks.listener import TrainingEnd, TrainingListener
from ponder_tasks.outdoor_detect.task import OutdoorDetectTask
from ponder_tasks.recipe import (
    DetectRecipe,
    FinetuneRecipe,
    InstanceRecipe,
    OutdoorDetectRecipe,
    ReconstructRecipe,
    SegmentRecipe,
    VolumeDetectRecipe,
)
from ponder_tasks.reconstruct.task import ReconstructTask
from ponder_tasks.segment.task import SegmentTask
from ponder_tasks.trainer import Task, train


def run_finetuning(
    recipe: FinetuneRecipe, path: Path, *, command: str, listener: TrainingListener, resume: bool = False
) -> TrainingEnd:
    """Fine-tune (or, with ``freeze_encoder``, probe) an encoder in the run folder ``path``.

    Raises:
        ValueError: for bad input; the run folder is then left as it was, or not made.
    """
    task = finetune_task(recipe, initialise=not resume)
    return train(task, path, command=command, listener=listener, resume=resume)


def finetune_task(recipe: FinetuneRecipe, *, initialise: bool = True) -> Task:
    """Return the task that follows ``recipe``; unless ``initialise``, without the encoder's starting weights.

    Raises:
        ValueError: when its data is not there or has no labels, or its encoder cannot be read.
    """
    match recipe:
        case SegmentRecipe():
            return SegmentTask(recipe, initialise=initialise)
        case DetectRecipe():
            return DetectTask(recipe, initialise=initialise)
        case OutdoorDetectRecipe() | VolumeDetectRecipe():
            return OutdoorDetectTask(recipe, initialise=initialise)
        case InstanceRecipe():
            return InstanceTask(recipe, initialise=initialise)
        case ReconstructRecipe():
            return ReconstructTask(recipe, initialise=initialise)
        case _:
            raise AssertionError(f"no task follows a {type(recipe).__name__}; add it here")
