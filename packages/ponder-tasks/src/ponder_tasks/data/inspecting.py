"""Looking into a folder: figures of its scenes, and a page with pictures of some of them."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ponder_data import Scene
from ponder_data.facts.scene_facts import SceneFacts, facts_of
from ponder_data.facts.summary import Summary, summarise
from ponder_data.reading import Folder, ReadingOptions, open_folder
from ponder_data.scene_splits import splits_of

READING = ReadingOptions(image_width=640, frames_per_scene=24)
"""Wide pictures are made smaller, and sequences cut in pieces: the page shows no more."""

SHOWN_SCENES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """A folder as it was found.

    Attributes:
        folder: where, and in which layout.
        summary: its figures.
        shown: some of its scenes, for pictures.
        faults: what kept scenes from being read.
    """

    folder: Folder
    summary: Summary
    shown: tuple[Scene, ...]
    faults: tuple[str, ...]


def inspect_folder(
    path: Path,
    *,
    most_scenes: int = 20,
    label_set: str | None = None,
    advanced: Callable[[int, int], None] | None = None,
) -> Inspection:
    """Read up to ``most_scenes`` scenes of a folder, evenly spread, and keep three of them for pictures.

    ``label_set`` names the set of which the labels of scans are raw ids, such as nyu40.
    ``advanced`` is called after each scene with the number of those done and of all to do.

    Raises:
        ValueError: when the folder cannot be opened, or none of the scenes can be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # 'ponder data check' is for these
        folder = open_folder(path, replace(READING, label_set=label_set))
        scenes = folder.scenes
        chosen = spread(len(scenes), most_scenes)
        pictured = set(spread(len(chosen), SHOWN_SCENES))
        facts: list[SceneFacts] = []
        shown: list[Scene] = []
        faults: list[str] = []
        for done, index in enumerate(chosen):
            try:
                scene = scenes[index]
            except ValueError as error:
                faults.append(" ".join(str(error).split()))
            else:
                facts.append(facts_of(scene, splits_of(scenes, index)))
                shown += [scene] if done in pictured else []
            if advanced is not None:
                advanced(done + 1, len(chosen))
    if not facts:
        raise ValueError(f"{path}: none of its scenes can be read, the first: {faults[0]}")
    class_names = scenes.class_names or next((scene.class_names for scene in shown), ())
    return Inspection(
        folder=folder,
        summary=summarise(facts, class_names, len(scenes)),
        shown=tuple(shown),
        faults=tuple(faults),
    )


def spread(count: int, most: int) -> list[int]:
    """Return up to ``most`` numbers below ``count``, evenly spread."""
    kept = min(count, most)
    return [(2 * number + 1) * count // (2 * kept) for number in range(kept)]
