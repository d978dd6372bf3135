"""``scannet``: indoor pre-training on ScanNet alone, with the published settings."""

from ponder_data import ScanNetConfig
from ponder_encoders import SparseUNetConfig

from ponder_tasks.recipe import PretrainRecipe
from ponder_tasks.recipes.field_settings import field_optimizer
from ponder_tasks.recipes.indoor import indoor

EPOCHS, SCANS, BATCH = 2000, 1201, 64
STEPS = EPOCHS * SCANS // BATCH


def scannet() -> PretrainRecipe:
    """Return the recipe: as ``indoor``, with one set of norms, 2000 epochs, and 5e-4 for every 8 scenes of a step."""
    recipe = indoor()
    changes = {
        "name": "scannet",
        "description": "pre-train on ScanNet as published: 8 GPUs, days (--data FOLDER with scans/)",
        "train_data": ScanNetConfig(split="train", views=20, image_width=320),
        "val_data": ScanNetConfig(split="val", views=20, held_out_views=2, image_width=320),
        "encoder": SparseUNetConfig.full(),
        "optimizer": field_optimizer(5e-4 * BATCH / 8),
        "trainer": recipe.trainer.model_copy(update={"steps": STEPS}),
    }
    return recipe.model_copy(update=changes)
