"""What a cache says of itself: ``dataset.json`` over all its scenes, and a receipt beside the file of each.

Layout::

    CACHE/dataset.json          the index; it is written last, so a cache without it is not finished
    CACHE/scenes/KEY.npz        a scene; KEY is the hash of what it was made from
    CACHE/scenes/KEY.json       its receipt, written after it
"""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ponder_data.prepared.scene_file import FORMAT
from ponder_data.prepared.whole_file import write_whole

INDEX = "dataset.json"
SCENES = "scenes"


class SceneEntry(BaseModel):
    """One scene of a cache: ``file`` is relative to it, ``sha256`` that of the file's content."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    splits: tuple[str, ...]
    file: str
    sha256: str
    bytes: int
    points: int
    views: int


class CacheIndex(BaseModel):
    """A finished cache: which dataset it was made from (by ``layout`` and ``settings``), and its scenes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    dataset: str
    class_names: tuple[str, ...]
    layout: str
    settings: str
    scenes: tuple[SceneEntry, ...]

    def splits(self) -> tuple[str, ...]:
        """Return the names of the splits, in the order of the scenes."""
        return tuple(dict.fromkeys(split for scene in self.scenes for split in scene.splits))


def is_cache(path: Path) -> bool:
    """Whether ``path`` is a cache that is finished."""
    file = path / INDEX
    return file.is_file() and '"layout"' in file.read_text(encoding="utf-8", errors="replace")


def read_index(path: Path) -> CacheIndex:
    """Return the index of the cache in ``path``.

    Raises:
        ValueError: when there is none, it is damaged, or of another format.
    """
    file = path / INDEX
    if not file.is_file():
        unfinished = (path / SCENES).is_dir()
        advice = "it is not finished: prepare it again to go on" if unfinished else "give a prepared cache"
        raise ValueError(f"{path}: has no {INDEX}; {advice}")
    try:
        index = CacheIndex.model_validate_json(file.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{file}: is damaged ({' '.join(str(error).split())}); prepare the cache again"
        ) from error
    if index.format != FORMAT:
        raise ValueError(f"{file}: has format {index.format}, this version reads {FORMAT}; prepare it again")
    return index


def write_index(path: Path, index: CacheIndex) -> None:
    """Write the index of the cache in ``path``, whole or not at all."""
    text = json.dumps(index.model_dump(mode="json"), indent=1) + "\n"
    write_whole(path / INDEX, lambda file: file.write(text.encode("utf-8")))


def scene_path(path: Path, key: str) -> Path:
    """Return where the scene of ``key`` lies in the cache."""
    return path / SCENES / f"{key}.npz"


def read_receipt(path: Path, key: str) -> SceneEntry | None:
    """Return the entry of a scene that is wholly there, None where it is not."""
    receipt, file = path / SCENES / f"{key}.json", scene_path(path, key)
    if not (receipt.is_file() and file.is_file()):
        return None
    try:
        entry = SceneEntry.model_validate_json(receipt.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError):
        return None  # made by another version, or damaged: the scene is prepared again
    return entry if file.stat().st_size == entry.bytes else None


def write_receipt(path: Path, key: str, entry: SceneEntry) -> None:
    """Write the receipt of a scene."""
    text = entry.model_dump_json() + "\n"
    write_whole(path / SCENES / f"{key}.json", lambda file: file.write(text.encode("utf-8")))
