"""``scannet200-semseg``: the benchmark of semantic segmentation with ScanNet's 200 classes."""

from ponder_data import ScanNetConfig

from ponder_tasks.recipe import SegmentRecipe
from ponder_tasks.recipes.scannet_semseg import scannet_semseg


def scannet200_semseg() -> SegmentRecipe:
    """Return the recipe: as ``scannet-semseg``; classes come through scannetv2-labels.combined.tsv in the folder."""
    changes = {
        "name": "scannet200-semseg",
        "description": "segment ScanNet into its 200 classes, by its official splits (--data FOLDER with scans/)",
        "train_data": ScanNetConfig(split="train", views=0, labels="scannet200"),
        "val_data": ScanNetConfig(split="val", views=0, labels="scannet200"),
    }
    return scannet_semseg().model_copy(update=changes)
