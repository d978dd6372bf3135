"""``s3dis-semseg``: semantic segmentation of S3DIS, tested on area 5 or any other."""

from ponder_data import S3disConfig

from ponder_tasks.recipe import SegmentRecipe, TrainerConfig
from ponder_tasks.recipes.field_settings import field_sample
from ponder_tasks.recipes.scannet_semseg import scannet_semseg

EPOCHS, ROOMS, BATCH = 3000, 204, 12
STEPS = EPOCHS * ROOMS // BATCH


def s3dis_semseg() -> SegmentRecipe:
    """Return the recipe for area 5; for another, set ``train_data.fold`` and ``val_data.fold`` to it.

    The 6-fold protocol is six runs, one for each area, which ``ponder eval RUN RUN ...`` judges together. The field's
    scratch recipe takes 3000 epochs; its cells are of 5 cm, here of 2 cm as the pre-trained encoders want.
    """
    changes = {
        "name": "s3dis-semseg",
        "description": "segment S3DIS, tested on area 5; --set train_data.fold=1 --set val_data.fold=1 for area 1, ...",
        "train_data": S3disConfig(split="train"),
        "val_data": S3disConfig(split="val"),
        "sample": field_sample(),
        "trainer": TrainerConfig(
            steps=STEPS, batch_size=BATCH, clip_gradient_norm=None, checkpoint_every=2000
        ),
    }
    return scannet_semseg().model_copy(update=changes)
