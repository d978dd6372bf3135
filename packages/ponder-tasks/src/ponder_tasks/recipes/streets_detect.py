"""``streets-detect`` and its kin: boxes of synthetic streets, in the volume that ``streets`` and its kin pre-train."""

from ponder_data import AugmentationConfig, ColorJitterConfig, SampleConfig, SyntheticStreetsConfig
from ponder_encoders.fusion import VolumeFusionConfig

from ponder_tasks.optimizer import OptimizerConfig
from ponder_tasks.outdoor_detect.center_head import CenterHeadConfig
from ponder_tasks.outdoor_detect.query_head import QueryHeadConfig
from ponder_tasks.outdoor_detect.volume_neck import VolumeNeckConfig
from ponder_tasks.recipe import TrainerConfig, VolumeDetectRecipe
from ponder_tasks.recipes.streets import small_street_encoder
from ponder_tasks.recipes.streets_camera import small_camera


def turned_and_mirrored() -> AugmentationConfig:
    """Scenes turned by up to 45 degrees, mirrored and a little scaled about the LiDAR; not moved."""
    return AugmentationConfig(
        rotate_z=45.0,
        tilt=0.0,
        scale=(0.95, 1.05),
        flip=0.5,
        color=ColorJitterConfig(brightness=0.0, contrast=0.0, noise=0.0),
        center=False,
    )


def small_streets(
    split: str, *, scenes: int, keyframes: int, pictures: bool = False
) -> SyntheticStreetsConfig:
    """Streets with two sweeps a keyframe, a quarter of a second apart; half the LiDAR's columns.

    Without ``pictures`` these are tiny, as nothing looks at them.
    """
    size = {} if pictures else {"image_width": 16, "image_height": 9}
    return SyntheticStreetsConfig.model_validate(
        {
            "split": split,
            "scenes": scenes,
            "keyframes": keyframes,
            "sweeps_per_keyframe": 2,
            "sweeps": 2,
            "lidar": {"columns": 542},
            **size,
        }
    )


def streets_detect() -> VolumeDetectRecipe:
    """Return the recipe: 16 streets of four keyframes, four to be judged by."""
    return VolumeDetectRecipe(
        name="streets-detect",
        description="detect the traffic of synthetic streets in LiDAR sweeps, as peaks of a map (CenterPoint)",
        sensors="lidar",
        train_data=small_streets("train", scenes=16, keyframes=4),
        val_data=small_streets("val", scenes=4, keyframes=4),
        sample=SampleConfig(grid_size=0.2, augmentation=turned_and_mirrored()),
        encoder=small_street_encoder(),
        camera=small_camera().model_copy(update={"masking": None}),
        fusion=VolumeFusionConfig(channels=32),
        volume_shape=(128, 128, 5),
        head=CenterHeadConfig(channels=48, layers=2, boxes=200),
        optimizer=OptimizerConfig(kind="adamw", learning_rate=3e-3, weight_decay=1e-2, warmup_fraction=0.2),
        trainer=TrainerConfig(steps=300, batch_size=2, workers=1, clip_gradient_norm=10.0),
    )


def streets_detect_uvtr() -> VolumeDetectRecipe:
    """Return the recipe: a decoder whose queries look around in the volume, in place of the map."""
    changes = {
        "name": "streets-detect-uvtr",
        "description": "detect the traffic of synthetic streets in LiDAR sweeps, with object queries (UVTR)",
        "neck": VolumeNeckConfig(blocks=1, channels=64),
        "head": QueryHeadConfig(queries=200, channels=64, heads=4, feed_forward=128, dropout=0.0, boxes=200),
        "optimizer": OptimizerConfig(
            kind="adamw", learning_rate=1e-3, weight_decay=1e-2, warmup_fraction=0.2
        ),
        "trainer": TrainerConfig(steps=600, batch_size=2, workers=1, clip_gradient_norm=10.0),
    }
    return streets_detect().model_copy(update=changes)


def streets_camera_detect() -> VolumeDetectRecipe:
    """Return the recipe: the same streets, seen by six cameras alone."""
    recipe = streets_detect()
    changes = {
        "name": "streets-camera-detect",
        "description": "detect the traffic of synthetic streets in the pictures of six cameras",
        "sensors": "camera",
        "train_data": small_streets("train", scenes=16, keyframes=4, pictures=True),
        "val_data": small_streets("val", scenes=4, keyframes=4, pictures=True),
        "trainer": recipe.trainer.model_copy(update={"batch_size": 1}),
    }
    return recipe.model_copy(update=changes)


def streets_fusion_detect() -> VolumeDetectRecipe:
    """Return the recipe: the same streets, seen by LiDAR and cameras."""
    changes = {
        "name": "streets-fusion-detect",
        "description": "detect the traffic of synthetic streets in LiDAR sweeps and the pictures of six cameras",
        "sensors": "fusion",
    }
    return streets_camera_detect().model_copy(update=changes)
