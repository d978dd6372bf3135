"""The job of outdoor pre-training: what the trainer runs, and the report it leaves."""

import torch

from ponder_tasks.listener import Measurement
from ponder_tasks.outdoor.batches import StreetSequence
from ponder_tasks.outdoor.evaluation import measure_streets
from ponder_tasks.outdoor.held_out import encode_street, pictured_scenes, render_street
from ponder_tasks.outdoor.model import StreetsPretrainModel
from ponder_tasks.outdoor.recipe import StreetsPretrainRecipe
from ponder_tasks.pretrain.evaluation import HeldOutFigures
from ponder_tasks.pretrain.pictures import view_pictures
from ponder_tasks.run_folder import RunFolder
from ponder_tasks.run_report import write_run_report
from ponder_tasks.scene_sources import open_scenes


class StreetsPretrainTask:
    """Outdoor pre-training by rendering, as the trainer sees it.

    Raises:
        ValueError: when the training or validation data is not there or has nothing to render.
    """

    def __init__(self, recipe: StreetsPretrainRecipe) -> None:
        torch.manual_seed(recipe.trainer.seed)
        self.recipe = recipe
        self.scenes = open_scenes(recipe.train_data)
        self.held_out = open_scenes(recipe.val_data)
        self.model = StreetsPretrainModel(recipe)

    def train_scenes(self) -> int:
        """Return the number of training scenes."""
        return len(self.scenes)

    def val_scenes(self) -> int:
        """Return the number of scenes whose pictures are rendered."""
        return min(len(self.held_out), self.recipe.evaluation.scenes)

    def backend(self) -> str:
        """Return what computes the volume source."""
        return self.model.source.backend()

    def batches(self, rank: int, world_size: int) -> StreetSequence:
        """Return the training batches of one process, with rays."""
        return StreetSequence(self.scenes, self.recipe, rank=rank, world_size=world_size)

    def validate(self) -> tuple[Measurement, ...]:
        """Render pictures of validation scenes and measure them."""
        return measure_streets(self.model, self.held_out, self.recipe)

    def report(self, folder: RunFolder, seconds: float) -> tuple[Measurement, ...]:
        """Render pictures of validation scenes, measure them, and put them on the report page."""
        figures, views = HeldOutFigures(()), []
        for scene in pictured_scenes(self.held_out, self.recipe):
            for rendered in render_street(
                self.model, encode_street(self.model, scene, self.recipe), self.recipe
            ):
                figures.add(rendered)
                views.append(view_pictures(rendered, ()))
        measurements = figures.measurements()
        write_run_report(
            folder, recipe=self.recipe, seconds=seconds, measurements=measurements, views=tuple(views)
        )
        return measurements
