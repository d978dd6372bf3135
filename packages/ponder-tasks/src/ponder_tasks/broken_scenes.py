"""Broken scenes: files that cannot be read, or hold nothing to learn from. A few are skipped, many end the run."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenScene:
    """A scene that cannot be used.

    Attributes:
        index: its place among all scenes of the run.
        name: its dataset and its number in it.
        reason: what is wrong, naming the file where there is one.
    """

    index: int
    name: str
    reason: str


class BrokenScenes:
    """The broken scenes that a run has met, each told of once.

    Args:
        scenes: how many there are in all.
        share: of them may be broken.
        say: takes a line for a person.
    """

    def __init__(self, scenes: int, share: float, say: Callable[[str], None]) -> None:
        self._scenes = scenes
        self._share = share
        self._say = say
        self._met: dict[int, BrokenScene] = {}

    def __len__(self) -> int:
        return len(self._met)

    def note(self, broken: Iterable[BrokenScene]) -> None:
        """Take note of broken scenes and tell of the new ones.

        Raises:
            ValueError: when more than the share are broken.
        """
        for scene in broken:
            if scene.index in self._met:
                continue
            self._met[scene.index] = scene
            count = f"{len(self._met)} of {self._scenes} scenes"
            if len(self._met) > self._share * self._scenes:
                raise ValueError(
                    f"{scene.reason} ({scene.name}; {count} cannot be used, more than {self._share:.3g} of all: "
                    "repair or remove them, or set trainer.broken_share higher)"
                )
            self._say(f"skipping {scene.name}, here and in every epoch: {scene.reason} ({count} so far)")
