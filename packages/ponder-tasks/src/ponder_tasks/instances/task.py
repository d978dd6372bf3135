"""The instance segmentation job: fine-tuning an encoder, or probing it, and the report it leaves."""

import torch
from ponder_encoders.sparse.backend import choose_backend

from ponder_tasks.batches import BatchSequence, training_batches
from ponder_tasks.encoder_source import start_encoder
from ponder_tasks.instances.evaluation import InstanceJudge, find_all, measure_instances
from ponder_tasks.instances.model import InstanceModel
from ponder_tasks.instances.pictures import instance_pictures
from ponder_tasks.listener import Measurement
from ponder_tasks.recipe import InstanceRecipe
from ponder_tasks.run_folder import RunFolder
from ponder_tasks.run_report import write_run_report
from ponder_tasks.scene_sources import open_scenes

PICTURED_SCENES = 3


class InstanceTask:
    """Instance segmentation, as the trainer sees it.

    Raises:
        ValueError: when the data has no classes or instances, or the encoder cannot be read.
    """

    def __init__(self, recipe: InstanceRecipe, *, initialise: bool = True) -> None:
        torch.manual_seed(recipe.trainer.seed)
        self.recipe = recipe
        self.scenes = open_scenes(recipe.train_data)
        self.validation = open_scenes(recipe.val_data)
        for what, config, scenes in (
            ("training", recipe.train_data, self.scenes),
            ("validation", recipe.val_data, self.validation),
        ):
            if not scenes.class_names or scenes[0].instance is None:
                raise ValueError(
                    f"the {what} data ({config.kind}) has no class and instance labels, so no instances can be "
                    "learned or judged; use labelled data such as rooms"
                )
        self.model = InstanceModel(recipe, self.scenes.class_names)
        if initialise:
            start_encoder(self.model.encoder, recipe)

    def train_scenes(self) -> int:
        """Return the number of labelled training scenes."""
        return len(self.scenes)

    def val_scenes(self) -> int:
        """Return the number of validation scenes."""
        return len(self.validation)

    def backend(self) -> str:
        """Return the name of the sparse convolution backend in use."""
        device = next(self.model.parameters()).device
        return choose_backend(self.recipe.encoder.backend, device).name

    def batches(self, rank: int, world_size: int) -> BatchSequence:
        """Return the training batches of one process, without rays."""
        recipe = self.recipe
        return training_batches(
            self.scenes, recipe.sample, recipe.trainer, rays=False, rank=rank, world_size=world_size
        )

    def validate(self) -> tuple[Measurement, ...]:
        """Return AP, AP50, AP25 and mIoU on the validation scenes."""
        return measure_instances(self.model, self.validation, self.recipe).measurements()

    def report(self, folder: RunFolder, seconds: float) -> tuple[Measurement, ...]:
        """Measure, and put the first scenes' instances on the report page."""
        judge = InstanceJudge(self.recipe, self.model, self.validation.class_names)
        clouds = []
        for index, found in enumerate(find_all(self.model, self.validation, self.recipe)):
            judge.add(found)
            if index < PICTURED_SCENES:
                clouds.append(
                    instance_pictures(found, self.model.things, self.recipe.evaluation.minimum_points)
                )
        metrics = judge.metrics()
        write_run_report(
            folder,
            recipe=self.recipe,
            seconds=seconds,
            measurements=metrics.measurements(),
            clouds=tuple(clouds),
            per_class=metrics.instances.per_class(),
        )
        return metrics.measurements()
