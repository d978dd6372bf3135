"""Splits that users have as lists of scene names, one a line."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from ponder_data.indoor.files import read_lines
from ponder_data.scene_splits import EVERY_SPLIT


def split_names(candidates: Sequence[Path], hint: str) -> tuple[str, ...]:
    """Return the names in the first of these files that exists.

    Raises:
        ValueError: when none exists or it is empty; ``hint`` says where to get it.
    """
    path = next((path for path in candidates if path.is_file()), None)
    if path is None:
        raise ValueError(f"{candidates[0]}: no such list of scenes; {hint}")
    names = read_lines(path)
    if not names:
        raise ValueError(f"{path}: lists no scene; {hint}")
    return names


def present_scenes(names: Sequence[str], present: Sequence[str], path: Path, split: str) -> tuple[str, ...]:
    """Return the names that are on disk, in their order; warn once of others.

    Raises:
        ValueError: when none is.
    """
    known = set(present)
    found = tuple(name for name in names if name in known)
    if not found:
        raise ValueError(
            f"{path}: holds none of the {len(names)} scenes of the split {split!r} ({names[0]}, ...); "
            "check that the path is the dataset's own top folder"
        )
    if len(found) < len(names):
        warnings.warn(
            f"{path}: {len(names) - len(found)} of the {len(names)} scenes of the split {split!r} are not "
            "there; using the others",
            stacklevel=3,
        )
    return found


def listed_splits(lists: Mapping[str, Sequence[Path]]) -> dict[str, tuple[str, ...]]:
    """Return the splits of each scene that is named in a list.

    Args:
        lists: for each split, where its list may lie; a split without one has no scene.
    """
    found: dict[str, tuple[str, ...]] = {}
    for split, candidates in lists.items():
        path = next((path for path in candidates if path.is_file()), None)
        for name in () if path is None else read_lines(path):
            found[name] = (*found.get(name, ()), split)
    return found


def splits_of_scene(name: str, listed: Mapping[str, tuple[str, ...]], split: str) -> tuple[str, ...]:
    """Return the splits of a scene that was opened as part of ``split``.

    That is the split itself, unless all scenes were opened: then those whose lists name it, or every split where
    no list does.
    """
    return (split,) if split != EVERY_SPLIT else listed.get(name, (EVERY_SPLIT,))
