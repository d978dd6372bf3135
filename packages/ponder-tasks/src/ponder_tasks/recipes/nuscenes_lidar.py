"""``nuscenes-lidar``: pre-training on nuScenes' LiDAR, of the published size and with its hyper-parameters."""

from typing import Literal

from ponder_data import MaskingConfig, NuScenesConfig, SampleConfig
from ponder_encoders import SparseUNetConfig
from ponder_render import RenderingLossConfig

from ponder_tasks.optimizer import OptimizerConfig
from ponder_tasks.outdoor.recipe import StreetsPretrainRecipe
from ponder_tasks.recipes.streets import SWEEP_CHANNELS, street_renderer, street_turns
from ponder_tasks.training_config import RenderingEvaluationConfig, TrainerConfig

KEYFRAMES = 28_130
"""Of trainval's training split."""

EPOCHS = 12

SCENES_A_STEP = 16
"""Four GPUs with four scenes each."""


def nuscenes_scenes(split: Literal["train", "val"]) -> NuScenesConfig:
    """Keyframes of trainval with ten sweeps and six pictures; ``--data`` names the folder."""
    return NuScenesConfig(split=split, sweeps=10, image_width=800)


def nuscenes_sample() -> SampleConfig:
    """Cells of 0.075 x 0.075 x 0.2 m, blocks of 8 masked, 512 rays of each of six pictures."""
    return SampleConfig(
        grid_size=0.075,
        grid_height=0.2,
        augmentation=street_turns(),
        masking=MaskingConfig(kind="block", block_voxels=8, ratio=0.8),
        views_per_scene=6,
        rays_per_view=512,
        depth_share=0.5,
    )


def nuscenes_losses() -> RenderingLossConfig:
    """Colour and depth alone, both with weight 10."""
    return RenderingLossConfig(
        color=10.0, distance=10.0, eikonal=0.0, near_surface=0.0, free_space=0.0, semantic=0.0
    )


def nuscenes_trainer() -> TrainerConfig:
    """Twelve epochs on one GPU; on four, ``--set trainer.devices=4 --set trainer.accumulate=1``."""
    return TrainerConfig(
        steps=EPOCHS * KEYFRAMES // SCENES_A_STEP,
        batch_size=4,
        accumulate=4,
        clip_gradient_norm=35.0,
        checkpoint_every=1000,
    )


def nuscenes_lidar() -> StreetsPretrainRecipe:
    """Return the recipe."""
    return StreetsPretrainRecipe(
        name="nuscenes-lidar",
        description="pre-train on nuScenes' LiDAR, published sizes: GPUs and days (--data FOLDER)",
        sensors="lidar",
        train_data=nuscenes_scenes("train"),
        val_data=nuscenes_scenes("val"),
        sample=nuscenes_sample(),
        encoder=SparseUNetConfig.full(in_channels=SWEEP_CHANNELS),
        renderer=street_renderer((180, 180, 5)),
        losses=nuscenes_losses(),
        evaluation=RenderingEvaluationConfig(scenes=4, views_per_scene=6, pixel_stride=4),
        optimizer=OptimizerConfig(kind="adamw", learning_rate=2e-5, weight_decay=0.01),
        trainer=nuscenes_trainer(),
    )
