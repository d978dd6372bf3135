"""Splits that users have as lists of scene names, one a line."""

import warnings
from collections.abc import Sequence
from pathlib import Path

from ponder_data.indoor.files import read_lines


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
