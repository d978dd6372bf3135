"""``scannet-semseg``: the benchmark of semantic segmentation with ScanNet's 20 classes."""

from ponder_data import MixConfig, ScanNetConfig
from ponder_encoders import SparseUNetConfig

from ponder_tasks.recipe import SegmentRecipe, TrainerConfig
from ponder_tasks.recipes.field_settings import field_optimizer, field_sample

EPOCHS, SCANS, BATCH = 800, 1201, 12
STEPS = EPOCHS * SCANS // BATCH


def scannet_semseg() -> SegmentRecipe:
    """Return the recipe: the scratch recipe of the field (12 scans a step, 800 epochs, learning rate 0.05), and Lovasz.

    Four of five pairs of a step's scans are laid over each other (Mix3D).

    A pre-trained encoder brings its own sizes and learns on with the same settings.
    """
    return SegmentRecipe(
        name="scannet-semseg",
        description="segment ScanNet into its 20 classes, by its official splits (--data FOLDER with scans/)",
        train_data=ScanNetConfig(split="train", views=0),
        val_data=ScanNetConfig(split="val", views=0),
        sample=field_sample(),
        mix=MixConfig(probability=0.8),
        encoder=SparseUNetConfig.full(),
        optimizer=field_optimizer(0.05),
        trainer=TrainerConfig(steps=STEPS, batch_size=BATCH, clip_gradient_norm=None, checkpoint_every=2000),
    )
