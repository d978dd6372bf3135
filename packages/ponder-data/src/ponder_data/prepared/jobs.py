"""What is to be prepared: a job for each scene of a folder, and the key that says what it is made from."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ponder_data.prepared.scene_file import FORMAT
from ponder_data.scene_files import files_of
from ponder_data.scene_splits import splits_of
from ponder_data.scenes import Scenes


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Scene ``index``; ``key`` names its files in the cache."""

    index: int
    key: str


def jobs_of(scenes: Scenes, root: Path, settings: str) -> tuple[Job, ...]:
    """Return one job per scene, in order.

    The key is a hash of the format, the reader's ``settings``, and the names, sizes and times of change of the files
    that the scene is read from: where one of them changes, the scene is prepared again, and where nothing does, it
    keeps its key even if others come before it. Scenes whose files are not known are told apart by their number.
    """
    return tuple(Job(index=index, key=_key(scenes, index, root, settings)) for index in range(len(scenes)))


def _key(scenes: Scenes, index: int, root: Path, settings: str) -> str:
    files = files_of(scenes, index).every()
    lines = [str(FORMAT), settings, *splits_of(scenes, index)]
    lines += [_stamp(file, root) for file in files] or [str(index)]
    return hashlib.sha256("\n".join(lines).encode("utf-8")).hexdigest()[:24]


def _stamp(file: Path, root: Path) -> str:
    name = file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)
    if not file.is_file():
        return f"{name} absent"
    status = file.stat()
    return f"{name} {status.st_size} {status.st_mtime_ns}"
