"""``scannet-detect``: ScanNet's objects as boxes, by VoteNet."""

from ponder_data import AugmentationConfig, ColorJitterConfig, SampleConfig, ScanNetConfig
from ponder_data.labels import SCANNET20
from ponder_encoders import SparseUNetConfig

from ponder_tasks.detect.votenet import VoteNetConfig
from ponder_tasks.optimizer import OptimizerConfig
from ponder_tasks.recipe import DetectRecipe, TrainerConfig
from ponder_tasks.recipes.field_settings import GRID

EPOCHS, SCANS, BATCH = 180, 1201, 8
STEPS = EPOCHS * SCANS // BATCH


def scannet_detect() -> DetectRecipe:
    """Return the recipe: VoteNet's settings for ScanNet on SparseUNet features.

    Published: 18 classes, boxes along the axes, 8 scans a step, 180 epochs, Adam with 1e-3, mirror images and turns of
    up to 5 degrees. Here the rate follows one cycle in the place of three steps down, and the backbone is the encoder;
    ``points`` puts VoteNet's own PointNet++ in its place.
    """
    plain = ColorJitterConfig(brightness=0.0, contrast=0.0, noise=0.0)
    motion = AugmentationConfig(rotate_z=5.0, tilt=0.0, scale=(1.0, 1.0), flip=0.5, color=plain)
    return DetectRecipe(
        name="scannet-detect",
        description="detect ScanNet's objects of 18 classes as boxes, by its splits (--data FOLDER with scans/)",
        train_data=ScanNetConfig(split="train", views=0),
        val_data=ScanNetConfig(split="val", views=0),
        sample=SampleConfig(grid_size=GRID, augmentation=motion),
        encoder=SparseUNetConfig.full(),
        classes=tuple(name for name in SCANNET20.names if name not in ("wall", "floor")),
        votenet=VoteNetConfig(heading_bins=1),
        optimizer=OptimizerConfig(kind="adamw", learning_rate=1e-3, weight_decay=0.0),
        trainer=TrainerConfig(steps=STEPS, batch_size=BATCH, checkpoint_every=1000),
    )
