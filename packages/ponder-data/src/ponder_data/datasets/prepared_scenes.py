"""Scenes from a prepared cache; ``ponder_data.prepared`` describes it and makes it."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ponder_data.prepared.index import SceneEntry, read_index
from ponder_data.prepared.scene_file import read_scene
from ponder_data.prepared.whole_file import sha256_of
from ponder_data.scene import Scene
from ponder_data.scene_files import SceneFiles
from ponder_data.scene_splits import EVERY_SPLIT


class PreparedScenesConfig(BaseModel):
    """A prepared cache, and which of its scenes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["prepared"] = "prepared"
    path: Path | None = Field(default=None, description="the cache")
    split: str = Field(
        default="train",
        description="those of this split; held-out views come with all but train. all: every scene",
    )


class PreparedScenes:
    """The scenes of one split of a cache, read when asked for: what their reader gave, bit for bit.

    A cache of a source without splits has one, "all", whose scenes are in every split. As with other datasets, the
    training split does not show held-out views.

    Raises:
        ValueError: when ``config.path`` is missing, is no finished cache, or has no such split.
    """

    def __init__(self, config: PreparedScenesConfig) -> None:
        if config.path is None:
            raise ValueError("PreparedScenesConfig.path is not set; give the folder of a prepared cache")
        self.config = config
        self.path = config.path
        self.index = read_index(config.path)
        self.entries = tuple(
            scene
            for scene in self.index.scenes
            if config.split == EVERY_SPLIT or {config.split, EVERY_SPLIT} & set(scene.splits)
        )
        if not self.entries:
            raise ValueError(
                f"{config.path}: has no scene of split {config.split!r}; it has {', '.join(self.index.splits())}"
            )

    @property
    def name(self) -> str:
        """Name of the dataset that was prepared."""
        return self.index.dataset

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each class, in the order of the labels."""
        return self.index.class_names

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Scene:
        """Read scene ``index``.

        Raises:
            IndexError: when there is no such scene.
            ValueError: when its file is absent or damaged.
        """
        scene = read_scene(self.path / self._entry(index).file)
        return replace(scene, held_out_views=()) if self.config.split == "train" else scene

    def scene_files(self, index: int) -> SceneFiles:
        """Return the file of scene ``index``."""
        return SceneFiles(cloud=(self.path / self._entry(index).file,))

    def scene_splits(self, index: int) -> tuple[str, ...]:
        """Return the splits of scene ``index``."""
        return self._entry(index).splits

    def is_intact(self, index: int) -> bool:
        """Whether the content of the scene's file has the hash that it was given when it was prepared."""
        entry = self._entry(index)
        file = self.path / entry.file
        return file.is_file() and sha256_of(file) == entry.sha256

    def _entry(self, index: int) -> SceneEntry:
        if not 0 <= index < len(self):
            raise IndexError(f"scene {index} of {len(self)}: valid indices are 0 to {len(self) - 1}")
        return self.entries[index]
