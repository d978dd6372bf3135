"""``nuscenes-semseg`` and ``lidarseg-semseg``: the 16 classes of nuScenes-lidarseg, on the tables or on bare sweeps."""

from ponder_data import LidarsegFolderConfig, NuScenesConfig, SampleConfig
from ponder_encoders import SparseUNetConfig

from ponder_tasks.optimizer import OptimizerConfig
from ponder_tasks.recipe import SegmentRecipe, TrainerConfig
from ponder_tasks.recipes.streets import SWEEP_CHANNELS, small_street_encoder, small_street_optimizer
from ponder_tasks.recipes.streets_semseg import segmentation_turns

TRAINING_SWEEPS, VALIDATION_SWEEPS = 14, 6


def nuscenes_semseg() -> SegmentRecipe:
    """Return the recipe: keyframes of trainval with lidarseg, 50 epochs in batches of 12."""
    return SegmentRecipe(
        name="nuscenes-semseg",
        description="segment nuScenes' LiDAR keyframes into 16 classes: GPUs and a day (--data FOLDER)",
        train_data=NuScenesConfig(split="train", sweeps=1, image_width=16),
        val_data=NuScenesConfig(split="val", sweeps=1, image_width=16),
        sample=SampleConfig(grid_size=0.075, grid_height=0.2, augmentation=segmentation_turns()),
        encoder=SparseUNetConfig.full(in_channels=SWEEP_CHANNELS),
        optimizer=OptimizerConfig(
            kind="adamw", learning_rate=2e-3, weight_decay=5e-3, warmup_fraction=0.04, final_divisor=100.0
        ),
        trainer=TrainerConfig(steps=50 * 28_130 // 12, batch_size=12, checkpoint_every=1000),
    )


def lidarseg_semseg() -> SegmentRecipe:
    """Return the recipe; the folder holds sweeps of one drive, so it measures how well that drive is continued."""
    return SegmentRecipe(
        name="lidarseg-semseg",
        description=(
            f"segment a folder of labelled sweeps (--data FOLDER): the first {TRAINING_SWEEPS} train, the next "
            f"{VALIDATION_SWEEPS} test; of one scene, as of a single drive, that says nothing of other places"
        ),
        train_data=LidarsegFolderConfig(first=0, count=TRAINING_SWEEPS),
        val_data=LidarsegFolderConfig(first=TRAINING_SWEEPS, count=VALIDATION_SWEEPS),
        sample=SampleConfig(grid_size=0.2, augmentation=segmentation_turns()),
        encoder=small_street_encoder(),
        optimizer=small_street_optimizer(),
        trainer=TrainerConfig(steps=200, batch_size=2, checkpoint_every=50),
    )
