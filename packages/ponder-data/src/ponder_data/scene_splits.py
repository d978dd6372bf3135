"""To which splits a scene belongs, by its dataset."""

from typing import Protocol, runtime_checkable

EVERY_SPLIT = "all"
"""Split of scenes that nobody has divided: they are for all."""

FOLDER_SPLITS = {"train": "train", "training": "train", "val": "val", "validation": "val", "test": "test"}
"""Names of folders that say to which split the files in them belong."""


@runtime_checkable
class SplitScenes(Protocol):
    """Scenes that know their splits, without being read."""

    def scene_splits(self, index: int) -> tuple[str, ...]:
        """Return the names of the splits of scene ``index``."""
        ...


def splits_of(scenes: object, index: int) -> tuple[str, ...]:
    """Return the splits of a scene, ``EVERY_SPLIT`` where its dataset knows none."""
    return scenes.scene_splits(index) if isinstance(scenes, SplitScenes) else (EVERY_SPLIT,)
