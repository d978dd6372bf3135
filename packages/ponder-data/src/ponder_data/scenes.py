"""Collections of scenes."""

from collections import OrderedDict
from typing import Protocol, runtime_checkable

from ponder_data.scene import Scene


@runtime_checkable
class Scenes(Protocol):
    """What every dataset offers: scenes by number, and the names of the classes they are labelled with."""

    @property
    def name(self) -> str:
        """Name of the dataset, as in ``Scene.dataset``."""
        ...

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each class, in the order of the labels; empty where nothing is labelled."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Scene: ...


class CachedScenes:
    """Scenes that are kept in memory once built, at most ``limit`` of them; the longest unused goes first.

    A copy that is sent to another process starts empty.

    Raises:
        ValueError: when ``limit`` is below 1.
    """

    def __init__(self, scenes: Scenes, limit: int = 64) -> None:
        if limit < 1:
            raise ValueError(f"CachedScenes: the limit is {limit} scenes; it must be at least 1")
        self._scenes = scenes
        self._limit = limit
        self._kept: OrderedDict[int, Scene] = OrderedDict()

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_kept": OrderedDict()}

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return self._scenes.name

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each class, in the order of the labels."""
        return self._scenes.class_names

    def __len__(self) -> int:
        return len(self._scenes)

    def __getitem__(self, index: int) -> Scene:
        if index not in self._kept:
            self._kept[index] = self._scenes[index]
            if len(self._kept) > self._limit:
                self._kept.popitem(last=False)
        self._kept.move_to_end(index)
        return self._kept[index]
