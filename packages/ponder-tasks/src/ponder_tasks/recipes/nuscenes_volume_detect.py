"""``nuscenes-lidar-detect``, ``-camera-detect`` and ``-fusion-detect``: UVTR's L, C and M on pre-trained volumes."""

from ponder_data import SampleConfig
from ponder_encoders import SparseUNetConfig
from ponder_encoders.fusion import VolumeFusionConfig

from ponder_tasks.optimizer import OptimizerConfig
from ponder_tasks.outdoor_detect.query_head import QueryHeadConfig
from ponder_tasks.outdoor_detect.volume_neck import VolumeNeckConfig
from ponder_tasks.recipe import TrainerConfig, VolumeDetectRecipe
from ponder_tasks.recipes.nuscenes_camera import WIDTH, published_camera
from ponder_tasks.recipes.nuscenes_lidar import KEYFRAMES, SCENES_A_STEP, nuscenes_scenes
from ponder_tasks.recipes.streets import SWEEP_CHANNELS
from ponder_tasks.recipes.streets_detect import turned_and_mirrored


def nuscenes_lidar_detect() -> VolumeDetectRecipe:
    """Return the recipe: 20 epochs of a fifth of the keyframes, on the SparseUNet that ``nuscenes-lidar`` pre-trains.

    UniPAD's own LiDAR detector has a VoxelNet: that is ``nuscenes-detect``. Name the scenes of your fifth in
    ``train_data.scenes_file``; without it all are drawn from.
    """
    return VolumeDetectRecipe(
        name="nuscenes-lidar-detect",
        description="detect boxes in ten sweeps of nuScenes: GPUs and days (--data FOLDER)",
        sensors="lidar",
        train_data=nuscenes_scenes("train").model_copy(update={"image_width": 16}),
        val_data=nuscenes_scenes("val").model_copy(update={"image_width": 16}),
        sample=SampleConfig(grid_size=0.075, grid_height=0.2, augmentation=turned_and_mirrored()),
        encoder=SparseUNetConfig.full(in_channels=SWEEP_CHANNELS),
        camera=published_camera().model_copy(update={"masking": None}),
        fusion=VolumeFusionConfig(channels=128),
        volume_shape=(180, 180, 5),
        neck=VolumeNeckConfig(blocks=1, channels=256),
        head=QueryHeadConfig(),
        optimizer=OptimizerConfig(kind="adamw", learning_rate=2e-5, weight_decay=1e-2, warmup_fraction=0.4),
        trainer=TrainerConfig(
            steps=20 * KEYFRAMES // 5 // SCENES_A_STEP,
            batch_size=4,
            accumulate=4,
            clip_gradient_norm=35.0,
            checkpoint_every=500,
        ),
    )


def nuscenes_camera_detect() -> VolumeDetectRecipe:
    """Return the recipe: the six pictures in full size, 12 epochs of half of the keyframes, at UVTR's rate of 2e-4.

    One scene at a time; on four GPUs, ``--set trainer.devices=4 --set trainer.accumulate=4``.
    """
    recipe = nuscenes_lidar_detect()
    changes = {
        "name": "nuscenes-camera-detect",
        "description": "detect boxes in nuScenes' six pictures: GPUs and days (--data FOLDER)",
        "sensors": "camera",
        "train_data": nuscenes_scenes("train").model_copy(update={"image_width": WIDTH}),
        "val_data": nuscenes_scenes("val").model_copy(update={"image_width": WIDTH}),
        "optimizer": recipe.optimizer.model_copy(update={"learning_rate": 2e-4}),
        "trainer": recipe.trainer.model_copy(
            update={
                "steps": 12 * KEYFRAMES // 2 // SCENES_A_STEP,
                "batch_size": 1,
                "accumulate": SCENES_A_STEP,
                "precision": "bfloat16",
            }
        ),
    }
    return recipe.model_copy(update=changes)


def nuscenes_fusion_detect() -> VolumeDetectRecipe:
    """Return the recipe: sweeps and pictures, 20 epochs of a fifth of the keyframes, at UVTR's rate of 4e-5."""
    recipe = nuscenes_camera_detect()
    changes = {
        "name": "nuscenes-fusion-detect",
        "description": "detect boxes in nuScenes' sweeps and pictures: GPUs and days (--data FOLDER)",
        "sensors": "fusion",
        "optimizer": recipe.optimizer.model_copy(update={"learning_rate": 4e-5}),
        "trainer": recipe.trainer.model_copy(update={"steps": 20 * KEYFRAMES // 5 // SCENES_A_STEP}),
    }
    return recipe.model_copy(update=changes)
