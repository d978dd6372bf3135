"""The detection job: a VoteNet on an encoder, and the report it leaves."""

from ponder_encoders import SparseUNet
from ponder_encoders.sparse.backend import choose_backend
from torch import manual_seed

from ponder_tasks.batches import BatchSequence, training_batches
from ponder_tasks.detect.evaluation import DetectionMeasure, detect_in_scenes, measure_detection
from ponder_tasks.detect.model import DetectionModel
from ponder_tasks.detect.pictures import detected_pictures
from ponder_tasks.detect.true_boxes import mean_sizes
from ponder_tasks.encoder_source import SCRATCH, start_encoder
from ponder_tasks.listener import Measurement
from ponder_tasks.recipe import DetectRecipe
from ponder_tasks.run_folder import RunFolder
from ponder_tasks.run_report import write_run_report
from ponder_tasks.scene_sources import open_scenes

PICTURED_SCENES = 4


class DetectTask:
    """Detection of oriented boxes, as the trainer sees it.

    All training scenes are read once before the first step, for the mean size of each class.

    Raises:
        ValueError: when the data has no boxes of the classes to detect, the encoder cannot be read, or a PointNet++ is
            to start from a trained encoder or to be frozen.
    """

    def __init__(self, recipe: DetectRecipe, *, initialise: bool = True) -> None:
        manual_seed(recipe.trainer.seed)
        _check_points(recipe)
        self.recipe = recipe
        self.scenes = open_scenes(recipe.train_data)
        self.validation = open_scenes(recipe.val_data)
        if not self.scenes.class_names:
            raise ValueError(
                f"the training data ({recipe.train_data.kind}) has no classes, so no boxes of any can be detected; "
                "use data with boxes, such as rooms"
            )
        self.model = DetectionModel(recipe, self.scenes.class_names)
        if initialise:
            sizes = mean_sizes(self.scenes, self.model.class_of_label, len(self.model.classes))
            self.model.mean_sizes.copy_(sizes)
            if isinstance(self.model.encoder, SparseUNet):
                start_encoder(self.model.encoder, recipe)

    def train_scenes(self) -> int:
        """Return the number of training scenes."""
        return len(self.scenes)

    def val_scenes(self) -> int:
        """Return the number of validation scenes."""
        return len(self.validation)

    def backend(self) -> str:
        """Return the name of the sparse convolution backend in use, or that of plain PyTorch for a PointNet++."""
        if self.recipe.points is not None:
            return "torch"
        return choose_backend(self.recipe.encoder.backend, self.model.mean_sizes.device).name

    def batches(self, rank: int, world_size: int) -> BatchSequence:
        """Return the training batches of one process, without rays."""
        recipe = self.recipe
        return training_batches(
            self.scenes, recipe.sample, recipe.trainer, rays=False, rank=rank, world_size=world_size
        )

    def validate(self) -> tuple[Measurement, ...]:
        """Return AP25 and AP50 on the validation scenes."""
        return measure_detection(self.model, self.validation).measurements()

    def report(self, folder: RunFolder, seconds: float) -> tuple[Measurement, ...]:
        """Measure, and put the first scenes' boxes on the report page."""
        measure, clouds = DetectionMeasure(self.model), []
        for index, detected in enumerate(detect_in_scenes(self.model, self.validation)):
            measure.add(detected)
            if index < PICTURED_SCENES:
                clouds.append(detected_pictures(detected, self.model.classes))
        metrics = measure.metrics()
        write_run_report(
            folder,
            recipe=self.recipe,
            seconds=seconds,
            measurements=metrics.measurements(),
            clouds=tuple(clouds),
            per_class=metrics.per_class(),
        )
        return metrics.measurements()


def _check_points(recipe: DetectRecipe) -> None:
    if recipe.points is None:
        return
    if recipe.encoder_source != SCRATCH:
        raise ValueError(
            f"--encoder {recipe.encoder_source}: the recipe {recipe.name} has a PointNet++ (points=...), which cannot "
            "start from a SparseUNet; use --encoder scratch, or the recipe rooms-detect"
        )
    if recipe.freeze_encoder:
        raise ValueError(
            f"the recipe {recipe.name} has a PointNet++ from scratch, and frozen it would never learn; "
            "leave out --probe and freeze_encoder"
        )
