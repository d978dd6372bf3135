"""The detection job outdoors: a head on a volume, and the report it leaves."""

from functools import cached_property

import torch

from ponder_tasks.batches import StepSequence
from ponder_tasks.listener import Measurement
from ponder_tasks.metrics.nuscenes_detection import check_devkit
from ponder_tasks.outdoor_detect.detector import build_detector, detector_batches, start_detector
from ponder_tasks.outdoor_detect.evaluation import measure_outdoor_detection
from ponder_tasks.outdoor_detect.pictures import detected_pictures
from ponder_tasks.outdoor_detect.tables_of_scenes import ScenesWithTables
from ponder_tasks.recipe import OutdoorDetectionRecipe
from ponder_tasks.run_folder import RunFolder
from ponder_tasks.run_report import write_run_report
from ponder_tasks.scene_sources import open_scenes

PICTURED_SCENES = 4


class OutdoorDetectTask:
    """Detection of driving scenes' boxes, as the trainer sees it.

    Raises:
        ValueError: when the data is not there or is not of streets or nuscenes, or the encoder cannot be read.
        ImportError: when the official devkit, which measures, is not installed.
    """

    def __init__(self, recipe: OutdoorDetectionRecipe, *, initialise: bool = True) -> None:
        torch.manual_seed(recipe.trainer.seed)
        check_devkit()
        self.recipe = recipe
        self.scenes = open_scenes(recipe.train_data)
        self.validation = open_scenes(recipe.val_data)
        self.model = build_detector(recipe)
        if initialise:
            start_detector(self.model)

    @cached_property
    def tables(self) -> ScenesWithTables:
        """The validation scenes with their official tables; streets are written once, when first measured on."""
        return ScenesWithTables(self.recipe.val_data)

    def train_scenes(self) -> int:
        """Return the number of training scenes."""
        return len(self.scenes)

    def val_scenes(self) -> int:
        """Return the number of validation scenes."""
        return len(self.validation)

    def backend(self) -> str:
        """Return what computes the volume."""
        return self.model.backend()

    def batches(self, rank: int, world_size: int) -> StepSequence:
        """Return the training batches of one process."""
        return detector_batches(self.recipe, self.scenes, rank=rank, world_size=world_size)

    def validate(self) -> tuple[Measurement, ...]:
        """Return NDS, mAP and the five errors on the validation scenes."""
        return measure_outdoor_detection(self.model, self.tables.scenes).figures.measurements()

    def report(self, folder: RunFolder, seconds: float) -> tuple[Measurement, ...]:
        """Measure, and put some scenes' boxes on the report page."""
        with self.tables as data:
            measured = measure_outdoor_detection(self.model, data.scenes, show=PICTURED_SCENES)
        measurements = measured.figures.measurements()
        write_run_report(
            folder,
            recipe=self.recipe,
            seconds=seconds,
            measurements=measurements,
            clouds=tuple(detected_pictures(one, self.model.head.grid) for one in measured.shown),
            per_class=measured.figures.per_class(),
        )
        return measurements
