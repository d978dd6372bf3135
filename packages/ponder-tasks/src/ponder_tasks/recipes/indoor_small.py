"""``indoor-small``: pre-training on the three indoor datasets on one GPU."""

from ponder_encoders import SparseUNetConfig
from ponder_render import DenseNetConfig, SamplerConfig

from ponder_tasks.recipe import PretrainRecipe, TrainerConfig
from ponder_tasks.recipes.indoor import indoor
from ponder_tasks.recipes.rooms import small_optimizer
from ponder_tasks.recipes.three_datasets import CONDITIONS, pictured


def indoor_small() -> PretrainRecipe:
    """Return the recipe: as ``indoor``, with cells of 4 cm, a smaller encoder and volume, and Muon for fewer steps."""
    recipe = indoor()
    dense = DenseNetConfig(kind="unet", channels=64, projected_channels=32)
    field = recipe.renderer.field.model_copy(
        update={"hidden": 64, "geometry_channels": 31, "appearance_channels": 32}
    )
    changes = {
        "name": "indoor-small",
        "description": "pre-train on ScanNet, S3DIS and Structured3D with one GPU (--data FOLDER of all)",
        "train_data": pictured("train", views=12, width=240),
        "val_data": pictured("val", views=12, width=240),
        "sample": recipe.sample.model_copy(
            update={"grid_size": 0.04, "views_per_scene": 4, "rays_per_view": 128}
        ),
        "encoder": SparseUNetConfig.base().model_copy(
            update={"conditions": CONDITIONS, "renormalise": True, "norm_momentum": 0.1}
        ),
        "renderer": recipe.renderer.model_copy(
            update={
                "volume_shape": (96, 96, 24),
                "dense": dense,
                "field": field,
                "sampler": SamplerConfig(uniform=64, importance=24),
            }
        ),
        "optimizer": small_optimizer(),
        "trainer": TrainerConfig(steps=20_000, batch_size=8, checkpoint_every=500),
    }
    return recipe.model_copy(update=changes)
