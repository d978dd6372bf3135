"""``rooms``: pre-training on procedural rooms, small enough for two CPU cores and five minutes."""

from ponder_data import (
    AugmentationConfig,
    ColorJitterConfig,
    MaskingConfig,
    SampleConfig,
    SyntheticRoomsConfig,
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
from ponder_tasks.recipe import PretrainRecipe, RenderingEvaluationConfig, TrainerConfig


def small_encoder() -> SparseUNetConfig:
    """The SparseUNet that two CPU cores train in minutes."""
    return SparseUNetConfig.small().model_copy(update={"norm_momentum": 0.1})


def small_renderer() -> RendererConfig:
    """A renderer for rooms: cells of about 12 cm, NeuS with 48 + 16 samples."""
    return RendererConfig(
        volume_shape=(48, 48, 24),
        extent=None,
        margin=0.1,
        dense=DenseNetConfig(kind="conv", channels=32, projected_channels=32),
        field=FieldConfig(hidden=64, sdf_layers=1, color_layers=1, geometry_channels=15, coordinate="none"),
        density=NeusConfig(initial_sharpness=20.0),
        sampler=SamplerConfig(uniform=48, importance=16),
    )


def rooms() -> PretrainRecipe:
    """Return the recipe; its encoder never sees a label."""
    return PretrainRecipe(
        name="rooms",
        description="pre-train on procedural rooms: about five minutes on two CPU cores",
        train_data=SyntheticRoomsConfig(split="train", scenes=48, views=6, held_out_views=0),
        val_data=SyntheticRoomsConfig(split="val", scenes=4, views=6, held_out_views=2),
        sample=SampleConfig(
            grid_size=0.05,
            augmentation=AugmentationConfig(color=ColorJitterConfig(views=True)),
            masking=MaskingConfig(kind="random", ratio=0.8),
            views_per_scene=4,
            rays_per_view=128,
        ),
        encoder=small_encoder(),
        renderer=small_renderer(),
        losses=RenderingLossConfig(),
        evaluation=RenderingEvaluationConfig(scenes=4, views_per_scene=2, pixel_stride=2),
        optimizer=OptimizerConfig(kind="adamw", learning_rate=6e-3, weight_decay=1e-2),
        trainer=TrainerConfig(steps=600, batch_size=2, checkpoint_every=100, validate_every=200),
    )
