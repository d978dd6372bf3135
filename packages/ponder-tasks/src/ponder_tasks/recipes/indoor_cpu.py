"""``indoor-cpu``: pre-training on the three indoor datasets on two CPU cores, to see that all is well."""

from ponder_render import RenderingLossConfig

from ponder_tasks.recipe import PretrainRecipe
from ponder_tasks.recipes.rooms import rooms, small_encoder
from ponder_tasks.recipes.three_datasets import CONDITIONS, pictured


def indoor_cpu() -> PretrainRecipe:
    """Return the recipe: ``rooms`` on real rooms, with norms for each dataset."""
    recipe = rooms()
    changes = {
        "name": "indoor-cpu",
        "description": "pre-train on ScanNet, S3DIS and Structured3D with two CPU cores (--data FOLDER of all)",
        "train_data": pictured("train", views=6, width=160),
        "val_data": pictured("val", views=6, width=160),
        "encoder": small_encoder().model_copy(update={"conditions": CONDITIONS}),
        "losses": RenderingLossConfig(truncation=0.2),
        "trainer": recipe.trainer.model_copy(update={"steps": 480}),
    }
    return recipe.model_copy(update=changes)
