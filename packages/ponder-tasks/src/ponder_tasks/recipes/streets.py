"""``streets``: pre-training on the LiDAR of synthetic streets, small enough for two CPU cores and ten minutes."""

from ponder_data import (
    AugmentationConfig,
    ColorJitterConfig,
    MaskingConfig,
    SampleConfig,
    SyntheticStreetsConfig,
)
from ponder_encoders import SparseUNetConfig
from ponder_render import (
    DenseNetConfig,
    FieldConfig,
    NeusConfig,
    RendererConfig,
    RenderingLossConfig,
    SamplerConfig,
)

from ponder_tasks.optimizer import OptimizerConfig
from ponder_tasks.outdoor.recipe import StreetsPretrainRecipe
from ponder_tasks.training_config import RenderingEvaluationConfig, TrainerConfig

SWEEP_CHANNELS = 4
"""What an encoder reads of each LiDAR point."""

SKY = (0.72, 0.8, 0.88)
"""What is seen where nothing is: about a cloudy day."""


def street_turns() -> AugmentationConfig:
    """Turn, scale and mirror scenes about the vehicle, which stays where it is: the box is fixed about it."""
    return AugmentationConfig(
        tilt=0.0,
        scale=(0.95, 1.05),
        center=False,
        color=ColorJitterConfig(brightness=0.0, contrast=0.0, noise=0.0),
    )


def small_street_encoder() -> SparseUNetConfig:
    """The SparseUNet that two CPU cores train in minutes on single LiDAR turns."""
    small = SparseUNetConfig.small(in_channels=SWEEP_CHANNELS)
    return small.model_copy(update={"renormalise": True, "norm_momentum": 0.1})


def small_street_sample() -> SampleConfig:
    """Turns on cells of 0.2 m, of which blocks of 1.6 m are masked."""
    return SampleConfig(
        grid_size=0.2,
        augmentation=street_turns(),
        masking=MaskingConfig(kind="block", block_voxels=8, ratio=0.8),
        views_per_scene=6,
        rays_per_view=48,
        depth_share=0.5,
    )


def street_renderer(
    shape: tuple[int, int, int], *, uniform: int = 72, importance: int = 24, width: int = 32
) -> RendererConfig:
    """The published renderer: one 3x3x3 convolution, an SDF network of 6 layers, a colour head of 4, width 32."""
    return RendererConfig(
        volume_shape=shape,
        dense=DenseNetConfig(kind="conv", channels=32, projected_channels=None),
        field=FieldConfig(
            hidden=width,
            sdf_layers=6,
            color_layers=4,
            geometry_channels=15,
            initial_sdf=1.0,
            initial_spread=0.5,
        ),
        density=NeusConfig(initial_sharpness=2.0),
        sampler=SamplerConfig(uniform=uniform, importance=importance),
        background=SKY,
    )


def small_street_optimizer() -> OptimizerConfig:
    """Muon, as for rooms."""
    return OptimizerConfig(kind="muon", learning_rate=2e-2, momentum=0.95, weight_decay=0.3)


def streets() -> StreetsPretrainRecipe:
    """Return the recipe: the published structure, at cells of 1.7 x 1.7 x 1.6 m."""
    return StreetsPretrainRecipe(
        name="streets",
        description="pre-train on the LiDAR of synthetic streets: about ten minutes on two CPU cores",
        sensors="lidar",
        train_data=SyntheticStreetsConfig(split="train", scenes=24, keyframes=4),
        val_data=SyntheticStreetsConfig(split="val", scenes=2, keyframes=1, depth="rendered"),
        sample=small_street_sample(),
        encoder=small_street_encoder(),
        renderer=street_renderer((64, 64, 5)),
        losses=RenderingLossConfig(color=10.0, distance=10.0, truncation=1.0),
        evaluation=RenderingEvaluationConfig(scenes=2, views_per_scene=6, pixel_stride=2),
        optimizer=small_street_optimizer(),
        trainer=TrainerConfig(steps=600, batch_size=2, checkpoint_every=100, validate_every=0),
    )
