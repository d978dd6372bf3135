"""``scannet-joint``: semantic segmentation learned from three datasets together, guided by texts (PPT)."""

from ponder_encoders import SparseUNetConfig

from ponder_tasks.language import LanguageConfig
from ponder_tasks.recipe import SegmentRecipe, TrainerConfig
from ponder_tasks.recipes.scannet_semseg import scannet_semseg
from ponder_tasks.recipes.three_datasets import CONDITIONS, clouds, scannet_alone


def scannet_joint() -> SegmentRecipe:
    """Return the recipe: ScanNet, S3DIS and Structured3D in training, ScanNet's validation scans to be judged by.

    Published: 24 scans a step, 100 epochs (of Structured3D, the largest: about 140 000 steps), learning rate 0.05.
    """
    changes = {
        "name": "scannet-joint",
        "description": "segment ScanNet after joint training with S3DIS and Structured3D (--data FOLDER of all)",
        "train_data": clouds(),
        "val_data": scannet_alone("val"),
        "encoder": SparseUNetConfig(conditions=CONDITIONS, context_channels=256),
        "language": LanguageConfig(),
        "trainer": TrainerConfig(
            steps=140_000, batch_size=24, clip_gradient_norm=None, checkpoint_every=2000
        ),
    }
    return scannet_semseg().model_copy(update=changes)
