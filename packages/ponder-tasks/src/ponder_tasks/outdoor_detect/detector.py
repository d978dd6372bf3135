"""From a recipe of detection outdoors to its model, its starting weights and its batches: who knows both kinds."""

from ponder_data import Scenes

from ponder_tasks.batches import StepSequence
from ponder_tasks.encoder_source import start_voxelnet
from ponder_tasks.outdoor_detect.model import OutdoorDetectionModel
from ponder_tasks.outdoor_detect.street_samples import BoxedStreetSequence
from ponder_tasks.outdoor_detect.sweep_batch import SweepSequence
from ponder_tasks.outdoor_detect.volume_model import VolumeDetectionModel
from ponder_tasks.recipe import OutdoorDetectionRecipe, OutdoorDetectRecipe, VolumeDetectRecipe
from ponder_tasks.volume_weights import start_volume_source

Detector = OutdoorDetectionModel | VolumeDetectionModel
"""A model that finds the boxes of driving scenes."""


def build_detector(recipe: OutdoorDetectionRecipe) -> Detector:
    """Return the untrained detector of ``recipe``; errors as those of the models."""
    match recipe:
        case OutdoorDetectRecipe():
            return OutdoorDetectionModel(recipe)
        case VolumeDetectRecipe():
            return VolumeDetectionModel(recipe)


def start_detector(detector: Detector) -> None:
    """Give the detector's encoder the weights that its recipe starts from; from scratch, it stays as it is.

    Raises:
        ValueError: when the source cannot be read or does not fit.
    """
    match detector:
        case OutdoorDetectionModel():
            start_voxelnet(detector.encoder, detector.recipe)
        case VolumeDetectionModel():
            start_volume_source(detector.source, detector.recipe)


def detector_batches(
    recipe: OutdoorDetectionRecipe, scenes: Scenes, *, rank: int, world_size: int
) -> StepSequence:
    """Return the training batches of one process, as the detector of ``recipe`` takes them."""
    match recipe:
        case OutdoorDetectRecipe():
            return SweepSequence(
                scenes, recipe.augmentation, recipe.trainer, rank=rank, world_size=world_size
            )
        case VolumeDetectRecipe():
            return BoxedStreetSequence(scenes, recipe, rank=rank, world_size=world_size)


def sensors_used(recipe: OutdoorDetectionRecipe) -> tuple[bool, bool]:
    """Return whether the LiDAR is used, and whether the cameras are, as official results say."""
    if isinstance(recipe, OutdoorDetectRecipe):
        return True, False
    return recipe.sensors != "camera", recipe.looks_at_pictures
