"""``nuscenes-camera`` and ``nuscenes-fusion``: the six cameras of nuScenes, alone and with LiDAR; published sizes."""

from ponder_encoders.fusion import VolumeFusionConfig
from ponder_encoders.image.pyramid import FeaturePyramidConfig

from ponder_tasks.outdoor.camera_volume import CameraVolumeConfig
from ponder_tasks.outdoor.image_window import ImageWindowConfig
from ponder_tasks.outdoor.recipe import StreetsPretrainRecipe
from ponder_tasks.recipes.nuscenes_lidar import SCENES_A_STEP, nuscenes_lidar, nuscenes_scenes

WIDTH, HEIGHT = 1600, 900


def published_camera() -> CameraVolumeConfig:
    """ConvNeXt-small on whole pictures, blocks of 32 pixels hidden, three tenths of them."""
    return CameraVolumeConfig(
        window=ImageWindowConfig(width=WIDTH, height=HEIGHT, zoom=(1.0, 1.1)),
        backbone="convnext_small",
        weights="timm",
        drop_path_rate=0.2,
        recompute=True,
        pyramid=FeaturePyramidConfig(channels=256, normalise=True),
        channels=128,
    )


def nuscenes_camera() -> StreetsPretrainRecipe:
    """Return the recipe: that of the LiDAR but for pictures of full size, AdamW at 1e-4, and one scene at a time.

    On four GPUs, ``--set trainer.devices=4 --set trainer.accumulate=4``.
    """
    recipe = nuscenes_lidar()
    changes = {
        "name": "nuscenes-camera",
        "description": "pre-train on nuScenes' six cameras, published sizes: GPUs and days (--data FOLDER)",
        "sensors": "camera",
        "train_data": nuscenes_scenes("train").model_copy(update={"image_width": WIDTH}),
        "val_data": nuscenes_scenes("val").model_copy(update={"image_width": WIDTH}),
        "camera": published_camera(),
        "fusion": VolumeFusionConfig(channels=128),
        "evaluation": recipe.evaluation.model_copy(update={"pixel_stride": 8}),
        "optimizer": recipe.optimizer.model_copy(update={"learning_rate": 1e-4}),
        "trainer": recipe.trainer.model_copy(
            update={"batch_size": 1, "accumulate": SCENES_A_STEP, "precision": "bfloat16"}
        ),
    }
    return recipe.model_copy(update=changes)


def nuscenes_fusion() -> StreetsPretrainRecipe:
    """Return the recipe: LiDAR and cameras, each masked as alone, added in the cells of the box."""
    changes = {
        "name": "nuscenes-fusion",
        "description": "pre-train on nuScenes' LiDAR and cameras, published sizes: GPUs and days (--data FOLDER)",
        "sensors": "fusion",
    }
    return nuscenes_camera().model_copy(update=changes)
