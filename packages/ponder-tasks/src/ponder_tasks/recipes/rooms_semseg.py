"""``rooms-semseg``: semantic segmentation of procedural rooms from the labels of very few of them."""

from ponder_data import AugmentationConfig, ColorJitterConfig, SampleConfig, SyntheticRoomsConfig

from ponder_tasks.recipe import SegmentRecipe, TrainerConfig
from ponder_tasks.recipes.rooms import small_optimizer, small_task_encoder

FIRST_LABELLED_ROOM = 1000
"""The labelled rooms are none of those that ``rooms`` pre-trains on."""


def rooms_semseg() -> SegmentRecipe:
    """Return the recipe: two labelled rooms, sixteen to be judged by."""
    return SegmentRecipe(
        name="rooms-semseg",
        description="segment procedural rooms after training on the labels of two: from scratch or pre-trained",
        train_data=SyntheticRoomsConfig(
            split="train", scenes=2, first=FIRST_LABELLED_ROOM, views=6, held_out_views=0
        ),
        val_data=SyntheticRoomsConfig(
            split="val", scenes=16, first=FIRST_LABELLED_ROOM, views=6, held_out_views=0
        ),
        sample=SampleConfig(
            grid_size=0.08,
            augmentation=AugmentationConfig(
                # Two rooms' colours say which room it is, not which class.
                color=ColorJitterConfig(brightness=0.2, contrast=0.3, noise=0.05, hue=1.0, drop=0.3)
            ),
        ),
        encoder=small_task_encoder(),
        optimizer=small_optimizer(),
        trainer=TrainerConfig(steps=150, batch_size=2, checkpoint_every=50),
    )
