"""The segmentation job: fine-tuning an encoder, or probing it, and the report it leaves."""

import torch
from ponder_encoders.sparse.backend import choose_backend

from ponder_tasks.batches import BatchSequence, training_batches
from ponder_tasks.encoder_source import start_encoder
from ponder_tasks.listener import Measurement
from ponder_tasks.recipe import SegmentRecipe
from ponder_tasks.run_folder import RunFolder
from ponder_tasks.run_report import write_run_report
from ponder_tasks.scene_sources import open_scenes
from ponder_tasks.segment.evaluation import SegmentationFigures, measure_segmentation, segment_scenes
from ponder_tasks.segment.model import segmentation_model
from ponder_tasks.segment.pictures import segmented_pictures

PICTURED_SCENES = 3


class SegmentTask:
    """Semantic segmentation, as the trainer sees it.

    Raises:
        ValueError: when the data has no labels, or the encoder cannot be read.
    """

    def __init__(self, recipe: SegmentRecipe, *, initialise: bool = True) -> None:
        torch.manual_seed(recipe.trainer.seed)
        self.recipe = recipe
        self.scenes = open_scenes(recipe.train_data)
        self.validation = open_scenes(recipe.val_data)
        if not self.scenes.class_names:
            raise ValueError(
                f"the training data ({recipe.train_data.kind}) has no class labels, so nothing can be segmented; "
                "use labelled data such as rooms"
            )
        self.model = segmentation_model(recipe, self.scenes)
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
            self.scenes,
            recipe.sample,
            recipe.trainer,
            rays=False,
            mix=recipe.mix,
            rank=rank,
            world_size=world_size,
        )

    def validate(self) -> tuple[Measurement, ...]:
        """Return mIoU, mAcc and allAcc on the validation scenes."""
        return measure_segmentation(self.model, self.validation, self.recipe.sample.cell)

    def report(self, folder: RunFolder, seconds: float) -> tuple[Measurement, ...]:
        """Measure, and put the first scenes' predictions on the report page."""
        figures = SegmentationFigures(self.validation.class_names)
        clouds = []
        for index, segmented in enumerate(
            segment_scenes(self.model, self.validation, self.recipe.sample.cell)
        ):
            assert segmented.scene.semantic is not None, "validation scenes are labelled"
            figures.add(segmented)
            if index < PICTURED_SCENES:
                clouds.append(segmented_pictures(segmented))
        write_run_report(
            folder,
            recipe=self.recipe,
            seconds=seconds,
            measurements=figures.measurements(),
            clouds=tuple(clouds),
            per_class=figures.metrics().per_class(),
        )
        return figures.measurements()
