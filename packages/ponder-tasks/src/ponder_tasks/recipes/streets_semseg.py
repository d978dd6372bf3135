"""``streets-semseg``: segmentation of synthetic LiDAR turns from the labels of few streets."""

from ponder_data import AugmentationConfig, ColorJitterConfig, SampleConfig, SyntheticStreetsConfig

from ponder_tasks.recipe import SegmentRecipe, TrainerConfig
from ponder_tasks.recipes.streets import small_street_encoder, small_street_optimizer

FIRST_LABELLED_STREET = 1000
"""The labelled streets are none of those that ``streets`` pre-trains on."""


def segmentation_turns() -> AugmentationConfig:
    """Turn, scale and mirror sweeps about the sensor; they keep its frame."""
    return AugmentationConfig(
        tilt=0.0, center=False, color=ColorJitterConfig(brightness=0.0, contrast=0.0, noise=0.0)
    )


def streets_semseg() -> SegmentRecipe:
    """Return the recipe: two labelled streets, eight to be judged by."""
    return SegmentRecipe(
        name="streets-semseg",
        description="segment LiDAR turns of synthetic streets after training on the labels of two",
        train_data=SyntheticStreetsConfig(
            split="train", scenes=2, first=FIRST_LABELLED_STREET, keyframes=2, image_width=16, image_height=9
        ),
        val_data=SyntheticStreetsConfig(
            split="val", scenes=8, first=FIRST_LABELLED_STREET, keyframes=1, image_width=16, image_height=9
        ),
        sample=SampleConfig(grid_size=0.2, augmentation=segmentation_turns()),
        encoder=small_street_encoder(),
        optimizer=small_street_optimizer(),
        trainer=TrainerConfig(steps=150, batch_size=2, checkpoint_every=50),
    )
