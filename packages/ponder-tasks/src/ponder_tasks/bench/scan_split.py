"""Which real rooms are learned from and which are judged by: fixed by ScanNet's scene numbers, never the reverse."""

from pathlib import Path
from typing import Literal

from ponder_data import VirtualScansConfig

from ponder_tasks.recipes.scans import scans_with_views

TRAINING_ROOMS = ("scene0000", "scene0001", "scene0002", "scene0003")
TEST_ROOMS = ("scene0004", "scene0005")
"""All scans of a room, which are called ``scene0004_00``, ``scene0004_01`` and so on, belong to it."""


def labelled_scans(
    folder: Path, rooms: tuple[str, ...], split: Literal["train", "val"]
) -> VirtualScansConfig:
    """Return all scans of ``rooms`` with ScanNet's 20 classes and boxes, every point, and no pictures.

    The labels in the files are ids of NYU40.
    """
    return VirtualScansConfig(
        path=folder,
        label_set="scannet20",
        places=rooms,
        split=split,
        val_every=0,
        instance_boxes=True,
        views=0,
        held_out_views=0,
        voxel=0.001,
    )


def pictured_scans(folder: Path, split: Literal["train", "val"]) -> VirtualScansConfig:
    """Return the training rooms as virtual cameras see them; ``val`` are the same with other pictures held out.

    No label is read from them by pre-training, and nothing of the test rooms is seen.
    """
    changes = {"path": folder, "places": TRAINING_ROOMS, "val_every": 0, "label_set": "scannet20"}
    return scans_with_views(split).model_copy(update=changes)
