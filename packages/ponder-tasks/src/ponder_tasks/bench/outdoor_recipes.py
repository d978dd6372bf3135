"""The recipes of the outdoor benchmark: those of streets, on less data and in fewer steps."""

from pathlib import Path

from ponder_data import NuScenesConfig, SyntheticStreetsConfig

from ponder_tasks.outdoor.recipe import Sensors, StreetsPretrainRecipe
from ponder_tasks.recipe import SegmentRecipe, VolumeDetectRecipe
from ponder_tasks.recipes.streets import streets
from ponder_tasks.recipes.streets_camera import streets_camera, streets_fusion
from ponder_tasks.recipes.streets_detect import (
    small_streets,
    streets_camera_detect,
    streets_detect,
    streets_fusion_detect,
)
from ponder_tasks.recipes.streets_semseg import FIRST_LABELLED_STREET, streets_semseg

KEYFRAME_NOTE = (
    "Of real drives there is one keyframe: it is pre-trained on, and the very pictures that training saw are rendered. "
    "That shows that real data goes through, and nothing of other places."
)

PRETRAINING = {"lidar": streets, "camera": streets_camera, "fusion": streets_fusion}
DETECTION = {
    "lidar": streets_detect,
    "camera": streets_camera_detect,
    "fusion": streets_fusion_detect,
}


def street_pretraining(sensors: Sensors) -> StreetsPretrainRecipe:
    """Return the pre-training of a volume, on the sweeps and pictures that the tasks have too."""
    recipe = PRETRAINING[sensors]()
    val = small_streets("val", scenes=1, keyframes=1, pictures=True)
    return recipe.model_copy(
        update={
            "name": f"bench-{recipe.name}",
            "train_data": small_streets("train", scenes=24, keyframes=2, pictures=True),
            "val_data": val.model_copy(update={"depth": "rendered"}),
            "evaluation": recipe.evaluation.model_copy(update={"scenes": 1}),
            "trainer": recipe.trainer.model_copy(update={"steps": 200, "batch_size": 1}),
        }
    )


def labelled_detection(sensors: Sensors) -> VolumeDetectRecipe:
    """Return detection with the labels of few streets, none of which pre-training sees."""
    recipe = DETECTION[sensors]()
    return recipe.model_copy(
        update={
            "name": f"bench-{recipe.name}",
            "volume_shape": (96, 96, 5),
            "train_data": _labelled(recipe.train_data, scenes=8),
            "val_data": _labelled(recipe.val_data, scenes=6),
            "trainer": recipe.trainer.model_copy(update={"steps": 150, "batch_size": 1}),
        }
    )


def _labelled(config: object, *, scenes: int) -> SyntheticStreetsConfig:
    assert isinstance(config, SyntheticStreetsConfig), "the benchmark's scenes are streets"
    return config.model_copy(update={"scenes": scenes, "keyframes": 2, "first": FIRST_LABELLED_STREET})


def labelled_segmentation() -> SegmentRecipe:
    """Return ``streets-semseg`` on sweeps such as pre-training sees."""
    recipe = streets_semseg()
    train = small_streets("train", scenes=2, keyframes=2)
    val = small_streets("val", scenes=8, keyframes=1)
    first = {"first": FIRST_LABELLED_STREET}
    return recipe.model_copy(
        update={
            "name": "bench-streets-semseg",
            "train_data": train.model_copy(update=first),
            "val_data": val.model_copy(update=first),
        }
    )


def keyframe_scenes(data: Path) -> NuScenesConfig:
    """Return the first keyframe of the training split in the folder: of v1.0-mini, or else of v1.0-trainval.

    Raises:
        ValueError: when there is no such folder.
    """
    if not data.is_dir():
        raise ValueError(
            f"{data}: no such folder; name that of nuScenes, with v1.0-mini or v1.0-trainval in it"
        )
    mini = (data / "v1.0-mini").is_dir()
    return NuScenesConfig(
        path=data,
        version="v1.0-mini" if mini else "v1.0-trainval",
        split="mini_train" if mini else "train",
        frame_stride=1_000_000,
        sweeps=1,
        image_width=200,
    )


def keyframe_pretraining(data: Path) -> StreetsPretrainRecipe:
    """Return the pre-training from the LiDAR of one real keyframe, whose own pictures are rendered at the end."""
    recipe = street_pretraining("lidar")
    scenes = keyframe_scenes(data)
    return recipe.model_copy(
        update={
            "name": "bench-keyframe",
            "description": "pre-train on one real keyframe of nuScenes",
            "train_data": scenes,
            "val_data": scenes,
        }
    )
