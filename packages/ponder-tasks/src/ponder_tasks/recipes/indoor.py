"""``indoor``: universal indoor pre-training on three datasets, with the published settings."""

from ponder_data import MaskingConfig, SampleConfig
from ponder_encoders import SparseUNetConfig
from ponder_render import (
    DenseNetConfig,
    FieldConfig,
    RendererConfig,
    RenderingLossConfig,
    SamplerConfig,
)

from ponder_tasks.recipe import PretrainRecipe, RenderingEvaluationConfig, TrainerConfig
from ponder_tasks.recipes.field_settings import GRID, field_motion, field_optimizer
from ponder_tasks.recipes.three_datasets import CONDITIONS, pictured

STEPS = 200_000
"""About 400 times through Structured3D's training rooms, 64 scenes a step."""


def published_renderer() -> RendererConfig:
    """The published decoder: heads without hidden layers that have half of the channels to themselves.

    No network reads positions (the published factor on them is 0), and the volume is zero beyond its border.
    """
    return RendererConfig(
        volume_shape=(128, 128, 32),
        border="zeros",
        dense=DenseNetConfig(kind="unet", channels=128, projected_channels=None),
        field=FieldConfig(
            hidden=128,
            sdf_layers=1,
            color_layers=0,
            semantic_layers=0,
            geometry_channels=64,
            appearance_channels=64,
            coordinate="none",
        ),
        sampler=SamplerConfig(uniform=96, importance=36),
    )


def published_losses() -> RenderingLossConfig:
    """The published weights; 0.05 of the cube that rooms are scaled to there is 0.3 m in a room of 6 m."""
    return RenderingLossConfig(
        color=10.0,
        distance=1.0,
        eikonal=0.01,
        near_surface=10.0,
        free_space=1.0,
        semantic=0.1,
        temperature=0.01,
        truncation=0.3,
    )


def indoor() -> PretrainRecipe:
    """Return the recipe: 8 GPUs, 8 scenes on each; ``--data`` has scannet/, s3dis/ and structured3d/.

    Published, too, are a norm and a learned context for each dataset, 5 views with 256 rays each, and a learning rate
    of 1e-4 for every 8 scenes of a step. S3DIS has no pictures in its point clouds: virtual cameras take them (the
    published run used panoramas). With labels of pixels (``--preset``), those of ScanNet's frames are not read unless
    ``train_data.parts.0.data.picture_labels`` is set, for they are a download of their own.
    """
    return PretrainRecipe(
        name="indoor",
        description="pre-train on ScanNet, S3DIS and Structured3D as published: 8 GPUs, days (--data FOLDER of all)",
        train_data=pictured("train", views=20, width=320),
        val_data=pictured("val", views=20, width=320),
        sample=SampleConfig(
            grid_size=GRID,
            augmentation=field_motion(),
            masking=MaskingConfig(kind="random", ratio=0.8),
            views_per_scene=5,
            rays_per_view=256,
        ),
        encoder=SparseUNetConfig(conditions=CONDITIONS, context_channels=256),
        renderer=published_renderer(),
        losses=published_losses(),
        evaluation=RenderingEvaluationConfig(scenes=4, views_per_scene=2, pixel_stride=2),
        optimizer=field_optimizer(1e-4 * 64 / 8),
        trainer=TrainerConfig(
            steps=STEPS, batch_size=8, devices=8, clip_gradient_norm=None, checkpoint_every=2000
        ),
    )
