"""``scans``: pre-training on a folder of coloured scans without pictures, which virtual cameras take."""

from typing import Literal

from ponder_data import VirtualScansConfig
from ponder_render import RenderingLossConfig

from ponder_tasks.recipe import PretrainRecipe, RenderingEvaluationConfig, TrainerConfig
from ponder_tasks.recipes.rooms import small_encoder, small_optimizer, small_renderer, small_sample


def scans_with_views(split: Literal["train", "val"]) -> VirtualScansConfig:
    """Scans with twelve virtual views each; every fifth place is for validation."""
    return VirtualScansConfig(split=split, views=12, held_out_views=2, image_width=160, image_height=120)


def scans() -> PretrainRecipe:
    """Return the recipe; ``--data`` names the folder."""
    return PretrainRecipe(
        name="scans",
        description="pre-train on your own coloured scans, seen by virtual cameras (--data FOLDER)",
        train_data=scans_with_views("train"),
        val_data=scans_with_views("val"),
        sample=small_sample(),
        encoder=small_encoder(),
        renderer=small_renderer(),
        losses=RenderingLossConfig(truncation=0.2),
        evaluation=RenderingEvaluationConfig(scenes=4, views_per_scene=2, pixel_stride=2),
        optimizer=small_optimizer(),
        trainer=TrainerConfig(steps=480, batch_size=4, checkpoint_every=100, validate_every=0),
    )
