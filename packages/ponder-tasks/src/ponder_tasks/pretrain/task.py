"""The pre-training job: what the trainer runs, and the report it leaves."""

from pathlib import Path

import torch
from ponder_encoders.sparse.backend import choose_backend

from ponder_tasks.batches import BatchSequence, training_batches
from ponder_tasks.language import build_vocabulary
from ponder_tasks.listener import Measurement, TrainingEnd, TrainingListener
from ponder_tasks.outdoor.recipe import StreetsPretrainRecipe
from ponder_tasks.outdoor.task import StreetsPretrainTask
from ponder_tasks.pretrain.evaluation import HeldOutFigures, measure_rendering
from ponder_tasks.pretrain.held_out import encode_room, evaluation_scenes, render_view
from ponder_tasks.pretrain.model import PretrainModel
from ponder_tasks.pretrain.pictures import room_pictures, view_pictures
from ponder_tasks.recipe import PretrainingRecipe, PretrainRecipe
from ponder_tasks.run_folder import RunFolder
from ponder_tasks.run_report import write_run_report
from ponder_tasks.scene_sources import open_scenes
from ponder_tasks.trainer import train


class PretrainTask:
    """Pre-training by rendering, as the trainer sees it.

    Raises:
        ValueError: when the training or validation data is not there or has nothing to render.
    """

    def __init__(self, recipe: PretrainRecipe) -> None:
        torch.manual_seed(recipe.trainer.seed)
        self.recipe = recipe
        self.scenes = open_scenes(recipe.train_data)
        self.held_out = open_scenes(recipe.val_data)
        vocabulary = build_vocabulary(self.scenes, recipe.labels.language) if recipe.labels else None
        self.model = PretrainModel(recipe, vocabulary)

    def train_scenes(self) -> int:
        """Return the number of training scenes."""
        return len(self.scenes)

    def val_scenes(self) -> int:
        """Return the number of scenes whose held-out views are rendered."""
        return min(len(self.held_out), self.recipe.evaluation.scenes)

    def backend(self) -> str:
        """Return the name of the sparse convolution backend in use."""
        device = next(self.model.parameters()).device
        return choose_backend(self.recipe.encoder.backend, device).name

    def batches(self, rank: int, world_size: int) -> BatchSequence:
        """Return the training batches of one process, with rays."""
        recipe = self.recipe
        return training_batches(
            self.scenes, recipe.sample, recipe.trainer, rays=True, rank=rank, world_size=world_size
        )

    def validate(self) -> tuple[Measurement, ...]:
        """Render held-out views and measure them."""
        grid_size, config = self.recipe.sample.grid_size, self.recipe.evaluation
        return measure_rendering(self.model, self.held_out, grid_size, config)

    def report(self, folder: RunFolder, seconds: float) -> tuple[Measurement, ...]:
        """Render held-out views, measure them, and put them on the report page."""
        figures = HeldOutFigures(self.held_out.class_names)
        views, rooms = [], []
        for scene in evaluation_scenes(self.held_out, self.recipe.evaluation):
            room = encode_room(self.model, scene, self.recipe.sample.grid_size)
            rooms.append(room_pictures(room))
            for view in room.scene.held_out_views[: self.recipe.evaluation.views_per_scene]:
                rendered = render_view(self.model, room, view, self.recipe.evaluation.pixel_stride)
                figures.add(rendered)
                views.append(view_pictures(rendered, self.held_out.class_names))
        measurements = figures.measurements()
        write_run_report(
            folder,
            recipe=self.recipe,
            seconds=seconds,
            measurements=measurements,
            views=tuple(views),
            clouds=tuple(rooms),
        )
        return measurements


def run_pretraining(
    recipe: PretrainingRecipe, path: Path, *, command: str, listener: TrainingListener, resume: bool = False
) -> TrainingEnd:
    """Pre-train ``recipe`` in the run folder ``path``.

    Raises:
        ValueError: for bad input; the run folder is then left as it was, or not made.
    """
    outdoors = isinstance(recipe, StreetsPretrainRecipe)
    task = StreetsPretrainTask(recipe) if outdoors else PretrainTask(recipe)
    return train(task, path, command=command, listener=listener, resume=resume)
