"""``rooms-detect``: the furniture of procedural rooms as oriented boxes, by VoteNet."""

from ponder_data import AugmentationConfig, ColorJitterConfig, SampleConfig, SyntheticRoomsConfig
from ponder_encoders import PointNet2Config

from ponder_tasks.detect.losses import DetectionLossConfig
from ponder_tasks.detect.votenet import VoteNetConfig
from ponder_tasks.recipe import DetectRecipe, TrainerConfig
from ponder_tasks.recipes.rooms import small_optimizer, small_task_encoder
from ponder_tasks.recipes.rooms_semseg import FIRST_LABELLED_ROOM

FURNITURE = ("table", "chair", "sofa", "bed", "shelf", "cabinet", "lamp", "plant", "screen")
"""Not doors, windows, pictures, curtains and rugs, which are thinner than a cell of the grid."""


def rooms_detect() -> DetectRecipe:
    """Return the recipe: 32 rooms with boxes, sixteen to be judged by."""
    color = ColorJitterConfig(brightness=0.2, contrast=0.3, noise=0.05, hue=1.0, drop=0.3)
    return DetectRecipe(
        name="rooms-detect",
        description="detect the furniture of procedural rooms as oriented boxes: from scratch or pre-trained",
        train_data=SyntheticRoomsConfig(
            split="train", scenes=32, first=FIRST_LABELLED_ROOM, views=6, held_out_views=0
        ),
        val_data=SyntheticRoomsConfig(
            split="val", scenes=16, first=FIRST_LABELLED_ROOM, views=6, held_out_views=0
        ),
        # Boxes cannot lean, so rooms are not tilted. Furniture stands along walls, and walls along the axes, as in most
        # scans that were made upright: turned at will, hundreds of steps taught nothing of headings (decision 0022).
        sample=SampleConfig(
            grid_size=0.08, augmentation=AugmentationConfig(rotate_z=10.0, tilt=0.0, color=color)
        ),
        encoder=small_task_encoder(),
        classes=FURNITURE,
        votenet=VoteNetConfig(
            seeds=1024,
            proposals=96,
            channels=96,
            heading_bins=6,
            heading_period="half-turn",
            # A fifth of a room's points lie on furniture. Were all to vote, two thirds of the objects would have no
            # proposal, however good the votes.
            seed_classes=True,
        ),
        # Votes and classes count for more than in the paper, whose runs see hundreds of times as many scenes.
        losses=DetectionLossConfig(vote=3.0, size_class=0.3, semantic=0.3),
        optimizer=small_optimizer(),
        trainer=TrainerConfig(steps=300, batch_size=4, workers=1, checkpoint_every=100),
    )


def rooms_detect_pointnet() -> DetectRecipe:
    """Return the recipe: a small PointNet++, VoteNet's own backbone, in place of the SparseUNet."""
    recipe = rooms_detect()
    changes = {
        "name": "rooms-detect-pointnet",
        "description": "detect the furniture of procedural rooms from scratch, with a PointNet++",
        "points": PointNet2Config.small(in_channels=7).model_copy(
            update={"seeds": (1024, 512, 256, 128), "distance_power": 1.0}
        ),
    }
    return recipe.model_copy(update=changes)
