"""``streets-detect-voxelnet`` and ``nuscenes-detect``: boxes of driving scenes by a VoxelNet."""

from ponder_data import NuScenesConfig
from ponder_encoders import VoxelNetConfig
from ponder_encoders.image.voxel_grid import VoxelGrid

from ponder_tasks.optimizer import OptimizerConfig
from ponder_tasks.outdoor_detect.center_head import CenterHeadConfig
from ponder_tasks.outdoor_detect.query_head import QueryHeadConfig
from ponder_tasks.recipe import OutdoorDetectRecipe, TrainerConfig
from ponder_tasks.recipes.streets_detect import small_streets, turned_and_mirrored


def small_voxelnet() -> VoxelNetConfig:
    """Cells of 0.2 x 0.2 x 0.4 m and three stages, to a map of 128 x 128 cells of 0.8 m."""
    return VoxelNetConfig(
        grid=VoxelGrid(lower=(-51.2, -51.2, -5.0), upper=(51.2, 51.2, 3.0), shape=(512, 512, 20)),
        channels=(16, 32, 48),
        layers=(1, 1, 1),
        paddings=((1, 1, 1), (1, 1, 0)),
        out_channels=48,
        norm_momentum=0.1,
    )


def streets_detect_voxelnet() -> OutdoorDetectRecipe:
    """Return the recipe: 16 streets of four keyframes, four to be judged by."""
    return OutdoorDetectRecipe(
        name="streets-detect-voxelnet",
        description="detect the traffic of synthetic streets in LiDAR sweeps by a VoxelNet, as peaks of a map",
        train_data=small_streets("train", scenes=16, keyframes=4),
        val_data=small_streets("val", scenes=4, keyframes=4),
        encoder=small_voxelnet(),
        augmentation=turned_and_mirrored(),
        head=CenterHeadConfig(channels=48, layers=2, boxes=200),
        optimizer=OptimizerConfig(kind="adamw", learning_rate=3e-3, weight_decay=1e-2, warmup_fraction=0.2),
        trainer=TrainerConfig(steps=300, batch_size=2, workers=1, clip_gradient_norm=10.0),
    )


def nuscenes_detect() -> OutdoorDetectRecipe:
    """Return the recipe of UniPAD's LiDAR branch: UVTR on the published VoxelNet, 20 epochs on 20 % of the keyframes.

    28 130 keyframes for training, of which the fifth is some 5 600: with batches of 16, 7 000 steps. Name the scenes of
    your fifth in ``train_data.scenes_file``; without it all are drawn from.
    """
    return OutdoorDetectRecipe(
        name="nuscenes-detect",
        description="detect the ten classes of nuScenes in ten LiDAR sweeps, with object queries (UVTR)",
        train_data=NuScenesConfig(split="train", image_width=16),
        val_data=NuScenesConfig(split="val", image_width=16),
        encoder=VoxelNetConfig.full(keep_height=True),
        augmentation=turned_and_mirrored(),
        head=QueryHeadConfig(),
        optimizer=OptimizerConfig(kind="adamw", learning_rate=2e-5, weight_decay=1e-2, warmup_fraction=0.4),
        trainer=TrainerConfig(steps=7000, batch_size=16, clip_gradient_norm=35.0, checkpoint_every=500),
    )
