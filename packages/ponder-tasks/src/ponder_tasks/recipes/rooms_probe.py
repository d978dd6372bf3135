"""``rooms-probe``: what a frozen encoder knows of rooms, as a linear layer can read it."""

from ponder_data import AugmentationConfig, ColorJitterConfig

from ponder_tasks.optimizer import OptimizerConfig
from ponder_tasks.recipe import SegmentRecipe
from ponder_tasks.recipes.rooms_semseg import rooms_semseg


def rooms_probe() -> SegmentRecipe:
    """Return the recipe: 24 labelled rooms, for a linear layer on two would only learn these two rooms' colours.

    All stages of the decoder are read: the last, which the renderer read, says little of what those before it found.
    """
    recipe = rooms_semseg()
    color = ColorJitterConfig(brightness=0.2, contrast=0.3, noise=0.05, hue=1.0)
    augmentation = AugmentationConfig(color=color)
    changes = {
        "name": "rooms-probe",
        "description": "judge a frozen encoder by a linear layer, trained on the labels of 24 procedural rooms",
        "train_data": recipe.train_data.model_copy(update={"scenes": 24}),
        "sample": recipe.sample.model_copy(update={"augmentation": augmentation}),
        "freeze_encoder": True,
        # A linear layer alone wants larger steps than a whole network.
        "optimizer": OptimizerConfig(kind="adamw", learning_rate=3e-2, weight_decay=1e-2),
        "trainer": recipe.trainer.model_copy(update={"steps": 150, "batch_size": 4}),
    }
    return recipe.model_copy(update=changes)
