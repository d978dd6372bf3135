"""``rooms-reconstruct``: surfaces of the rooms' furniture from noisy sparse points."""

from ponder_data import FurnitureShapesConfig, SampleConfig
from ponder_render import DenseNetConfig

from ponder_tasks.recipe import ReconstructRecipe, TrainerConfig
from ponder_tasks.recipes.rooms import small_optimizer, small_task_encoder
from ponder_tasks.reconstruct.config import ReconstructionNetworkConfig


def rooms_reconstruct() -> ReconstructRecipe:
    """Return the recipe: 10 000 points with noise 0.005 in the unit cube, as published; a narrower U-Net."""
    return ReconstructRecipe(
        name="rooms-reconstruct",
        description="surfaces of procedural furniture from 10 000 noisy points each: from scratch or pre-trained",
        # Exact: the truth is the union of the boxes, cylinders and ellipsoids that a piece is made of.
        train_data=FurnitureShapesConfig(split="train", shapes=104),
        val_data=FurnitureShapesConfig(split="val", shapes=13),
        sample=SampleConfig.evaluation(grid_size=0.08),
        encoder=small_task_encoder(),
        network=ReconstructionNetworkConfig(
            point_channels=16, dense=DenseNetConfig(kind="unet", channels=16, projected_channels=None)
        ),
        optimizer=small_optimizer(),
        trainer=TrainerConfig(steps=300, batch_size=2, workers=1, checkpoint_every=100),
    )
