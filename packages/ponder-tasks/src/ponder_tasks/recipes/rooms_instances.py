"""``rooms-instances``: instance segmentation of procedural rooms from the labels of few of them."""

from ponder_data import AugmentationConfig, ColorJitterConfig, SampleConfig, SyntheticRoomsConfig

from ponder_tasks.instances.proposals import GroupingConfig
from ponder_tasks.instances.scorer import ScorerConfig
from ponder_tasks.recipe import InstanceRecipe, TrainerConfig
from ponder_tasks.recipes.rooms import small_optimizer, small_task_encoder
from ponder_tasks.recipes.rooms_semseg import FIRST_LABELLED_ROOM


def rooms_instances() -> InstanceRecipe:
    """Return the recipe: eight labelled rooms, eight to be judged by."""
    return InstanceRecipe(
        name="rooms-instances",
        description="find the things in procedural rooms after training on the labels of eight",
        train_data=SyntheticRoomsConfig(
            split="train", scenes=8, first=FIRST_LABELLED_ROOM, views=6, held_out_views=0
        ),
        val_data=SyntheticRoomsConfig(
            split="val", scenes=8, first=FIRST_LABELLED_ROOM, views=6, held_out_views=0
        ),
        sample=SampleConfig(
            grid_size=0.08,
            augmentation=AugmentationConfig(
                color=ColorJitterConfig(brightness=0.2, contrast=0.3, noise=0.05, hue=1.0, drop=0.3)
            ),
        ),
        stuff=("floor", "wall", "ceiling"),
        encoder=small_task_encoder(),
        grouping=GroupingConfig(radius=0.12, minimum_points=10),
        scorer=ScorerConfig(cell=0.08),
        optimizer=small_optimizer(),
        trainer=TrainerConfig(steps=300, batch_size=2, checkpoint_every=50),
    )
