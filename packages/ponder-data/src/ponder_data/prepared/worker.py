"""Preparing one scene: here, or in a process of a pool."""

import multiprocessing
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch

from ponder_data.prepared.index import SCENES, SceneEntry, scene_path
from ponder_data.prepared.jobs import Job
from ponder_data.prepared.scene_file import write_scene
from ponder_data.prepared.whole_file import sha256_of, write_whole
from ponder_data.scene_splits import splits_of
from ponder_data.scenes import Scenes


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a job: the scene's entry, or why it cannot be read."""

    job: Job
    entry: SceneEntry | None = None
    fault: str = ""


def prepare_scene(scenes: Scenes, job: Job, cache: Path) -> Outcome:
    """Read a scene and write its file.

    Raises:
        OSError: when the file cannot be written; then nothing of it is there.
    """
    try:
        scene = scenes[job.index]
    except ValueError as error:
        return Outcome(job=job, fault=" ".join(str(error).split()))
    path = scene_path(cache, job.key)
    write_whole(path, lambda file: write_scene(file, scene))
    entry = SceneEntry(
        name=scene.name,
        splits=splits_of(scenes, job.index),
        file=f"{SCENES}/{path.name}",
        sha256=sha256_of(path),
        bytes=path.stat().st_size,
        points=len(scene),
        views=len(scene.views) + len(scene.held_out_views),
    )
    return Outcome(job=job, entry=entry)


class PoolWorker:
    """A process of the pool: it gets the dataset once, at its start."""

    scenes: ClassVar[Scenes]
    cache: ClassVar[Path]

    @classmethod
    def start(cls, scenes: Scenes, cache: Path) -> None:
        """Keep what the jobs need. The processes share the cores, so each computes on one."""
        torch.set_num_threads(1)
        cls.scenes, cls.cache = scenes, cache
        threading.Thread(target=_end_with_parent, daemon=True).start()

    @classmethod
    def run(cls, job: Job) -> Outcome:
        """Prepare one scene."""
        return prepare_scene(cls.scenes, job, cls.cache)


def _end_with_parent() -> None:
    """End this process when the one that started it is killed: the pool itself would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
