"""``rgbd``: pre-training on a folder of posed RGB-D frames."""

from typing import Literal

from ponder_data import RgbdSequenceConfig
from ponder_render import RenderingLossConfig

from ponder_tasks.recipe import PretrainRecipe, RenderingEvaluationConfig, TrainerConfig
from ponder_tasks.recipes.rooms import small_encoder, small_optimizer, small_renderer, small_sample


def frames(split: Literal["train", "val"]) -> RgbdSequenceConfig:
    """Scenes of 24 frames in a row; every eighth frame is kept apart for evaluation."""
    return RgbdSequenceConfig(
        split=split, frames_per_scene=24, image_width=160, image_height=120, held_out_every=8
    )


def rgbd() -> PretrainRecipe:
    """Return the recipe; ``--data`` names the folder, and every eighth frame is kept apart for evaluation."""
    return PretrainRecipe(
        name="rgbd",
        description="pre-train on your own RGB-D frames with poses (--data FOLDER): minutes on two CPU cores",
        train_data=frames("train"),
        val_data=frames("val"),
        sample=small_sample().model_copy(update={"depth_share": 0.5}),
        encoder=small_encoder(),
        renderer=small_renderer(),
        losses=RenderingLossConfig(truncation=0.2),
        evaluation=RenderingEvaluationConfig(scenes=4, views_per_scene=2, pixel_stride=2),
        optimizer=small_optimizer(),
        trainer=TrainerConfig(steps=480, batch_size=4, checkpoint_every=100, validate_every=0),
    )
