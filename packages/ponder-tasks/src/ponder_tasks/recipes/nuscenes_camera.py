"""``nuscenes-camera`` and ``nuscenes-fusion``: the six cameras of nuScenes, alone and with LiDAR; published sizes."""

from ponder_data import MaskingConfig, NuScenesConfig, SampleConfig
from ponder_encoders import SparseUNetConfig
from ponder_encoders.fusion import VolumeFusionConfig
from ponder_encoders.image.pyramid import FeaturePyramidConfig
from ponder_render import RenderingLossConfig

from ponder_tasks.optimizer import OptimizerConfig
from ponder_tasks.outdoor.camera_volume import CameraVolumeConfig
from ponder_tasks.outdoor.image_window import ImageWindowConfig
from ponder_tasks.outdoor.recipe import StreetsPretrainRecipe
from ponder_tasks.recipes.streets import SWEEP_CHANNELS, street_renderer, street_turns
from ponder_tasks.training_config import RenderingEvaluationConfig, TrainerConfig

KEYFRAMES = 28130
"""Of nuScenes' training scenes."""

EPOCHS, PROCESSES = 12, 4


def published_camera() -> CameraVolumeConfig:
    """ConvNeXt-small on whole pictures, blocks of 32 pixels hidden, three tenths of them."""
    return CameraVolumeConfig(
        window=ImageWindowConfig(width=1600, height=900, zoom=(1.0, 1.1)),
        backbone="convnext_small",
        weights="timm",
        drop_path_rate=0.2,
        recompute=True,
        pyramid=FeaturePyramidConfig(channels=256, normalise=True),
        channels=128,
    )


def nuscenes_camera() -> StreetsPretrainRecipe:
    """Return the recipe: 12 epochs of a keyframe for each of four processes, AdamW at 1e-4.

    On another number of devices, set ``trainer.steps`` to 12 * 28130 / (devices * ``trainer.batch_size``).
    """
    return StreetsPretrainRecipe(
        name="nuscenes-camera",
        description="pre-train on nuScenes' six cameras (--data FOLDER), as published: four large GPUs",
        sensors="camera",
        train_data=NuScenesConfig(split="train", image_width=1600),
        val_data=NuScenesConfig(split="val", image_width=1600, sweeps=1),
        sample=SampleConfig(
            grid_size=0.075,
            grid_height=0.2,
            augmentation=street_turns(),
            masking=MaskingConfig(kind="block", block_voxels=8, ratio=0.8),
            views_per_scene=6,
            rays_per_view=512,
            depth_share=0.5,
        ),
        encoder=SparseUNetConfig(in_channels=SWEEP_CHANNELS),
        camera=published_camera(),
        fusion=VolumeFusionConfig(channels=128),
        renderer=street_renderer((180, 180, 5)),
        losses=RenderingLossConfig(color=10.0, distance=10.0, truncation=1.0),
        evaluation=RenderingEvaluationConfig(scenes=4, views_per_scene=6, pixel_stride=8),
        optimizer=OptimizerConfig(kind="adamw", learning_rate=1e-4, weight_decay=1e-2),
        trainer=TrainerConfig(
            steps=EPOCHS * KEYFRAMES // PROCESSES,
            batch_size=1,
            devices="auto",
            precision="bfloat16",
            checkpoint_every=1000,
        ),
    )


def nuscenes_fusion() -> StreetsPretrainRecipe:
    """Return the recipe: LiDAR and cameras, each masked as alone, added in the cells of the box."""
    changes = {
        "name": "nuscenes-fusion",
        "description": "pre-train on nuScenes' LiDAR and cameras (--data FOLDER), as published: four large GPUs",
        "sensors": "fusion",
    }
    return nuscenes_camera().model_copy(update=changes)
