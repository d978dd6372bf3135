"""``rooms``: pre-training on procedural rooms, small enough for two CPU cores and some minutes."""

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
    """The SparseUNet that two CPU cores train in minutes, on batches of few rooms."""
    return SparseUNetConfig.small().model_copy(update={"renormalise": True, "norm_momentum": 0.1})


def small_task_encoder() -> SparseUNetConfig:
    """The same for a task from labels, which reads all stages of the decoder (decision 0027).

    After some dozens of steps, instances and boxes are then found several times as well, and of a pre-trained encoder
    more is read of what it knows.
    """
    return small_encoder().model_copy(update={"hypercolumns": True})


def small_renderer() -> RendererConfig:
    """A renderer for rooms: cells of about 12 cm, NeuS with 48 + 16 samples."""
    return RendererConfig(
        volume_shape=(48, 48, 24),
        margin=0.1,
        dense=DenseNetConfig(kind="unet", channels=24, projected_channels=32),
        field=FieldConfig(hidden=64, sdf_layers=2, color_layers=1, geometry_channels=15),
        density=NeusConfig(initial_sharpness=20.0),
        sampler=SamplerConfig(uniform=48, importance=16),
    )


def small_sample() -> SampleConfig:
    """Rooms of which blocks of 40 cm are masked: the rest keeps the density that downstream tasks will see."""
    return SampleConfig(
        grid_size=0.08,
        augmentation=AugmentationConfig(color=ColorJitterConfig(views=True)),
        masking=MaskingConfig(kind="block", block_voxels=5, ratio=0.5),
        views_per_scene=4,
        rays_per_view=64,
    )


def small_optimizer() -> OptimizerConfig:
    """Muon: in hundreds of steps it takes sparse encoders much further than AdamW."""
    return OptimizerConfig(kind="muon", learning_rate=2e-2, momentum=0.95, weight_decay=0.3)


def rooms() -> PretrainRecipe:
    """Return the recipe; its encoder never sees a label.

    Colour counts twice as much as elsewhere, for it is what pictures lack longest; and where norms settle in the end,
    plain batch normalisation renders as well as a renormalised one.
    """
    return PretrainRecipe(
        name="rooms",
        description="pre-train on procedural rooms: about five minutes on two CPU cores",
        train_data=SyntheticRoomsConfig(split="train", scenes=48, views=6, held_out_views=0),
        val_data=SyntheticRoomsConfig(split="val", scenes=4, views=6, held_out_views=2),
        sample=small_sample(),
        encoder=small_encoder().model_copy(update={"renormalise": False}),
        renderer=small_renderer(),
        losses=RenderingLossConfig(color=20.0, truncation=0.2),
        evaluation=RenderingEvaluationConfig(scenes=4, views_per_scene=2, pixel_stride=2),
        optimizer=small_optimizer(),
        trainer=TrainerConfig(steps=230, batch_size=4, checkpoint_every=100, validate_every=0),
    )
