"""Scenes of several folders of one kind, as one dataset."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from ponder_data.scene import Scene
from ponder_data.scene_files import SceneFiles, files_of
from ponder_data.scene_splits import splits_of
from ponder_data.scenes import Scenes


class JoinedScenes:
    """The scenes of several datasets that share a name and classes, one after the other.

    Raises:
        ValueError: when there is none, or their names or classes differ.
    """

    def __init__(self, parts: Sequence[Scenes]) -> None:
        kinds = {(part.name, part.class_names) for part in parts}
        if len(kinds) != 1:
            names = ", ".join(sorted({part.name for part in parts})) or "nothing"
            raise ValueError(
                f"JoinedScenes: got {names} with {len(kinds)} different sets of classes; join datasets of one "
                "name and one set of classes"
            )
        self._parts = tuple(parts)
        self._ends = tuple(accumulate(len(part) for part in parts))

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return self._parts[0].name

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each class, in the order of the labels."""
        return self._parts[0].class_names

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> Scene:
        """Read scene ``index``.

        Raises:
            IndexError: when there is no such scene.
        """
        part, place = self._located(index)
        return part[place]

    @property
    def parts(self) -> tuple[Scenes, ...]:
        """The joined datasets."""
        return self._parts

    def scene_files(self, index: int) -> SceneFiles:
        """Return the files of scene ``index``."""
        return files_of(*self._located(index))

    def scene_splits(self, index: int) -> tuple[str, ...]:
        """Return the splits of scene ``index``."""
        return splits_of(*self._located(index))

    def _located(self, index: int) -> tuple[Scenes, int]:
        """Return the dataset of scene ``index`` and its number there."""
        if not 0 <= index < len(self):
            raise IndexError(f"scene {index} of {len(self)}: valid indices are 0 to {len(self) - 1}")
        part = bisect_right(self._ends, index)
        return self._parts[part], index - (self._ends[part - 1] if part else 0)
