"""Synthetic streets as official nuScenes v1.0 tables, which the devkit opens and evaluates on.

Streets carry the names of official scenes, so that the official splits, which every tool knows by name, say which
are for training and which for validation. Their logs have the vehicle "synthetic", and every scene says in its
description what it is.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ponder_data.datasets.synthetic_streets import SyntheticStreets, SyntheticStreetsConfig, street_name
from ponder_data.nuscenes.splits import official_split
from ponder_data.raw_layouts.new_folder import new_folder
from ponder_data.raw_layouts.nuscenes_rows import NuScenesRows
from ponder_data.raw_layouts.nuscenes_street import (
    FIRST_TIME,
    TIME_BETWEEN_STREETS,
    StreetPlace,
    StreetWriter,
    add_rig,
)
from ponder_data.raw_layouts.progress import Progress, silent
from ponder_data.streets.recording import RecordingConfig

_SPLITS = {"v1.0-trainval": ("train", "val"), "v1.0-mini": ("mini_train", "mini_val")}


class NuScenesTablesConfig(BaseModel):
    """Which streets are written, and how they are recorded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: int = Field(default=16, ge=0, description="streets for training: those of SyntheticStreets' split")
    val: int = Field(default=4, ge=0, description="streets for validation")
    first: int = Field(default=0, ge=0, lt=2**31, description="number of the first street within each split")
    seed: int = Field(default=0, ge=0, lt=2**32)
    version: Literal["v1.0-trainval", "v1.0-mini"] = Field(
        default="v1.0-trainval",
        description="with v1.0-mini the splits are mini_train and mini_val, of at most 8 and 2 streets",
    )
    recording: RecordingConfig = RecordingConfig(sweeps_per_keyframe=10)
    jpeg_quality: int = Field(default=95, ge=1, le=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenTables:
    """What was written, and the names of its two splits."""

    path: Path
    version: str
    splits: tuple[str, str]
    scenes: tuple[int, int]
    keyframes: int
    sweeps: int
    pictures: int
    boxes: int


def write_nuscenes_tables(
    config: NuScenesTablesConfig, path: Path, progress: Progress = silent
) -> WrittenTables:
    """Write streets to ``path`` in the layout of nuScenes v1.0 with lidarseg.

    All thirteen tables and ``lidarseg.json``; ``samples/`` with LiDAR and six cameras, ``sweeps/`` with the LiDAR
    between the keyframes, ``lidarseg/`` and ``maps/``. There are no radars, and no pictures between keyframes.
    `NuScenes` reads the scenes of ``SyntheticStreets`` back, but for what JPEG does to
    colours and for the velocities, which come of differences between keyframes. The global frame of each street has
    its origin at the lower left corner of its map.

    Args:
        config: what to write.
        path: a folder that is new or empty; it appears when all is written.
        progress: called with streets that are written, and streets in all.

    Raises:
        ValueError: when ``path`` cannot be used, no street is asked for, or the splits have too few names.
    """
    names = _scene_names(config)
    rows, boxes, done = NuScenesRows(), 0, 0
    total = config.train + config.val
    with new_folder(path) as root:
        progress(0, total)
        for split, scenes in zip(("train", "val"), names, strict=True):
            streets = _streets(config, split, len(scenes))
            for number, scene in enumerate(scenes):
                place = StreetPlace(
                    root=root,
                    version=config.version,
                    scene=scene,
                    street=street_name(streets.config, number),
                    start=FIRST_TIME + done * TIME_BETWEEN_STREETS,
                    jpeg_quality=config.jpeg_quality,
                )
                recorder = streets.recorder(number)
                if done == 0:
                    add_rig(rows, recorder)
                boxes += StreetWriter(rows=rows, place=place, recorder=recorder).write()
                done += 1
                progress(done, total)
        rows.write(root / config.version)
    recording = config.recording
    turns = (recording.keyframes - 1) * recording.sweeps_per_keyframe + 1
    return WrittenTables(
        path=path,
        version=config.version,
        splits=_SPLITS[config.version],
        scenes=(config.train, config.val),
        keyframes=total * recording.keyframes,
        sweeps=total * turns,
        pictures=6 * total * recording.keyframes,
        boxes=boxes,
    )


def _scene_names(config: NuScenesTablesConfig) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the streets for training and for validation."""
    if config.train + config.val == 0:
        raise ValueError("no street is asked for; give at least one for training or validation")
    train, val = (official_split(split) for split in _SPLITS[config.version])
    if config.train > len(train) or config.val > len(val):
        raise ValueError(
            f"{config.version} has names for {len(train)} streets for training and {len(val)} for validation, but "
            f"{config.train} and {config.val} are asked for; ask for fewer"
        )
    return train[: config.train], val[: config.val]


def _streets(config: NuScenesTablesConfig, split: str, count: int) -> SyntheticStreets:
    recording = {name: getattr(config.recording, name) for name in RecordingConfig.model_fields}
    return SyntheticStreets(
        SyntheticStreetsConfig.model_validate(
            {**recording, "split": split, "scenes": max(count, 1), "first": config.first, "seed": config.seed}
        )
    )
