"""Synthetic rooms and streets written to disk in the layouts of the real data sets."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ponder_data import (
    NuScenesTablesConfig,
    RecordingConfig,
    ScanNetRoomsConfig,
    write_nuscenes_tables,
    write_scannet_rooms,
)

Advanced = Callable[[int, int], None]
"""Called with the scenes that are written, and the scenes in all."""

ROOM_WIDTH, STREET_WIDTH = 320, 400
ROOM_FRAMES, STREET_KEYFRAMES = 24, 8
SWEEPS_PER_KEYFRAME = 10
_VALIDATION_SHARE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthesis:
    """What was written, in words.

    Attributes:
        contents: the counts.
        splits: which splits there are, and how many scenes each has.
        reading: what opens it in Python.
        bytes: size of all files.
    """

    contents: str
    splits: str
    reading: tuple[str, ...]
    bytes: int


def synthesize_rooms(
    path: Path, *, scenes: int, frames: int | None, seed: int, image_width: int | None, advanced: Advanced
) -> Synthesis:
    """Write rooms in ScanNet's raw layout, each with so many ``frames``; pictures are 4:3.

    Raises:
        ValueError: when the folder is not new or empty, or too many are asked for.
    """
    train, val = _split(scenes)
    width = image_width or ROOM_WIDTH
    config = ScanNetRoomsConfig(
        train=train,
        val=val,
        seed=seed,
        frames=frames or ROOM_FRAMES,
        image_width=width,
        image_height=round(width * 3 / 4),
    )
    written = write_scannet_rooms(config, path, advanced)
    return Synthesis(
        contents=(
            f"{_count(scenes, 'room')}, {written.frames} frames, {written.vertices:,} vertices, "
            f"{written.objects} objects"
        ),
        splits=f"train ({train}), val ({val})",
        reading=(
            f"ponder finetune scannet-semseg --encoder scratch --data {path}",
            "... and any other of the recipes for ScanNet: scannet, scannet-instances, scannet-detect",
        ),
        bytes=_size(path),
    )


def synthesize_streets(
    path: Path, *, scenes: int, frames: int | None, seed: int, image_width: int | None, advanced: Advanced
) -> Synthesis:
    """Write streets as nuScenes v1.0 tables, each with ``frames`` keyframes; pictures are 16:9.

    Raises:
        ValueError: when the folder is not new or empty, or too many are asked for.
    """
    train, val = _split(scenes)
    width = image_width or STREET_WIDTH
    recording = RecordingConfig(
        keyframes=frames or STREET_KEYFRAMES,
        sweeps_per_keyframe=SWEEPS_PER_KEYFRAME,
        image_width=width,
        image_height=round(width * 9 / 16),
    )
    config = NuScenesTablesConfig(train=train, val=val, seed=seed, recording=recording)
    written = write_nuscenes_tables(config, path, advanced)
    return Synthesis(
        contents=(
            f"{_count(scenes, 'street')}, {written.keyframes} keyframes, {written.sweeps} sweeps, "
            f"{written.pictures} pictures, {written.boxes} boxes"
        ),
        splits=f"{written.splits[0]} ({train}), {written.splits[1]} ({val}) of {written.version}",
        reading=(
            f"ponder_data.NuScenes(NuScenesConfig(path={str(path)!r}, version={written.version!r}))",
            f"nuscenes.NuScenes({written.version!r}, {str(path)!r})  # the official devkit",
        ),
        bytes=_size(path),
    )


def _split(scenes: int) -> tuple[int, int]:
    """Return how many scenes are for training and for validation: one in five, but one of two at least."""
    val = max(scenes // _VALIDATION_SHARE, 1) if scenes > 1 else 0
    return scenes - val, val


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
