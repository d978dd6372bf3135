"""Preparing a cache: every scene of a folder is read once, and kept as it came from the reader.

It can be stopped in any way at any time. Whatever is in the cache under its own name is whole, and the next run does
only what is missing; what comes out is the same, byte for byte.
"""

import errno
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from filelock import FileLock, Timeout

from ponder_data.prepared.index import (
    INDEX,
    SCENES,
    CacheIndex,
    SceneEntry,
    read_receipt,
    write_index,
    write_receipt,
)
from ponder_data.prepared.jobs import Job, jobs_of
from ponder_data.prepared.scene_file import stored_bytes
from ponder_data.prepared.whole_file import remove_partials
from ponder_data.prepared.worker import Outcome, PoolWorker, prepare_scene
from ponder_data.scenes import Scenes

_ESTIMATED_SCENES = 3
_LOCK = ".lock"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What is left to do: ``scenes`` of about ``bytes`` in all, with ``free`` bytes on the disk."""

    scenes: int
    kept: int
    bytes: int
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A finished cache: ``kept`` of its scenes were there already; ``faults`` are of scenes left out."""

    cache: Path
    index: CacheIndex
    made: int
    kept: int
    faults: tuple[str, ...]


class PreparationListener:
    """Is told how it goes; this one says nothing."""

    def estimated(self, estimate: Estimate) -> None:
        """Called once, before anything is written."""

    def advanced(self, done: int, scenes: int) -> None:
        """Called after each scene: ``done`` of ``scenes``, those that were there already among them."""


def prepare(
    scenes: Scenes,
    cache: Path,
    *,
    root: Path,
    layout: str,
    settings: str,
    workers: int = 1,
    skip_broken: bool = False,
    listener: PreparationListener | None = None,
) -> Prepared:
    """Read the ``scenes`` and write them to ``cache``; what is there already and still valid stays.

    Args:
        scenes: all of them, of every split.
        cache: the folder; it is made. It must not lie in ``root``.
        root: the folder that the scenes are read from.
        layout, settings: what reads them and how; other settings make other scenes.
        workers: processes that prepare scenes side by side.
        skip_broken: leave scenes that cannot be read out of the cache.
        listener: is told how it goes.

    Raises:
        ValueError: when the cache is no place to write to, the disk has not the space (before anything is written) or
            is full, another program prepares the same cache, or a scene cannot be read (after all the others were
            prepared).
    """
    listener = listener or PreparationListener()
    if len(scenes) == 0:
        raise ValueError(f"{root}: holds no scene to prepare")
    _check_place(cache, root)
    (cache / SCENES).mkdir(parents=True, exist_ok=True)
    with _locked(cache):
        remove_partials(cache)
        remove_partials(cache / SCENES)
        jobs = jobs_of(scenes, root, settings)
        entries = {job.key: entry for job in jobs if (entry := read_receipt(cache, job.key)) is not None}
        kept = len(entries)
        left = [job for job in jobs if job.key not in entries]
        estimate = _estimate(scenes, left, cache, kept)
        listener.estimated(estimate)
        _check_space(estimate, cache)
        try:
            faults = _write_scenes(scenes, left, cache, workers, entries, listener)
            _check_faults(faults, len(jobs), cache, skip_broken)
            index = CacheIndex(
                dataset=scenes.name,
                class_names=scenes.class_names,
                layout=layout,
                settings=settings,
                scenes=tuple(entries[job.key] for job in jobs if job.key in entries),
            )
            write_index(cache, index)
        except OSError as error:
            raise ValueError(_writing_failed(error, cache, len(entries), len(jobs))) from error
        _remove_others(cache, index.scenes)
    return Prepared(cache=cache, index=index, made=len(index.scenes) - kept, kept=kept, faults=faults)


def _write_scenes(
    scenes: Scenes,
    jobs: Sequence[Job],
    cache: Path,
    workers: int,
    entries: dict[str, SceneEntry],
    listener: PreparationListener,
) -> tuple[str, ...]:
    """Write the scenes of ``jobs``, add their entries to those that are there, and return the faults of the others."""
    scenes_in_all, faults = len(entries) + len(jobs), []
    for outcome in _outcomes(scenes, jobs, cache, workers):
        if outcome.entry is None:
            faults.append(outcome.fault)
        else:
            write_receipt(cache, outcome.job.key, outcome.entry)
            entries[outcome.job.key] = outcome.entry
        listener.advanced(len(entries) + len(faults), scenes_in_all)
    return tuple(faults)


def _check_place(cache: Path, root: Path) -> None:
    if cache.resolve().is_relative_to(root.resolve()):
        raise ValueError(
            f"{cache}: lies in {root}, where its files would count as data; choose a folder outside"
        )
    if cache.exists() and not cache.is_dir():
        raise ValueError(f"{cache}: is a file; give a folder")
    ours = (cache / SCENES).is_dir() or (cache / INDEX).is_file()
    if cache.is_dir() and any(cache.iterdir()) and not ours:
        raise ValueError(f"{cache}: holds other files and is no cache; choose an empty or a new folder")


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """Keep other programs from preparing the same cache; a killed program's lock is gone with it."""
    lock = FileLock(cache / _LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise ValueError(f"{cache}: another program is preparing it; wait until it is done") from error
    try:
        yield
    finally:
        lock.release()


def _estimate(scenes: Scenes, left: Sequence[Job], cache: Path, kept: int) -> Estimate:
    """Estimate the space from up to three readable scenes, spread over those that are left."""
    places = sorted({round(part * (len(left) - 1) / 2) for part in range(_ESTIMATED_SCENES)}) if left else []
    sizes = []
    for place in places:
        try:
            sizes.append(stored_bytes(scenes[left[place].index]))
        except ValueError:
            continue  # reported when its turn comes
    mean = sum(sizes) / len(sizes) if sizes else 0.0
    return Estimate(
        scenes=len(left), kept=kept, bytes=round(mean * len(left)), free=shutil.disk_usage(cache).free
    )


def _check_space(estimate: Estimate, cache: Path) -> None:
    if estimate.bytes > estimate.free:
        raise ValueError(
            f"{cache}: {estimate.scenes} scenes take about {_gigabytes(estimate.bytes)}, but only "
            f"{_gigabytes(estimate.free)} are free there; choose another disk, fewer frames (a larger frame stride) "
            "or smaller pictures"
        )


def _outcomes(scenes: Scenes, jobs: Sequence[Job], cache: Path, workers: int) -> Iterator[Outcome]:
    """Prepare the scenes and yield what came of each, in the order in which they are done."""
    if workers <= 1 or len(jobs) <= 1:
        for job in jobs:
            yield prepare_scene(scenes, job, cache)
        return
    # New processes rather than copies of this one, whose threads (of PyTorch) a copy would wait for.
    pool = ProcessPoolExecutor(
        max_workers=min(workers, len(jobs)),
        mp_context=get_context("spawn"),
        initializer=PoolWorker.start,
        initargs=(scenes, cache),
    )
    try:
        for future in as_completed([pool.submit(PoolWorker.run, job) for job in jobs]):
            yield future.result()
    except BrokenProcessPool as error:
        raise ValueError(
            f"{cache}: a worker process was killed, perhaps for its memory; run the same command again with fewer "
            f"than {workers} workers, it goes on where this one stopped"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _check_faults(faults: Sequence[str], scenes: int, cache: Path, skip_broken: bool) -> None:
    if not faults or (skip_broken and len(faults) < scenes):
        return
    raise ValueError(
        f"{cache}: {len(faults)} of {scenes} scenes cannot be read, the first: {faults[0]}; repair them and run the "
        "same command again, or leave them out with --skip-broken"
    )


def _writing_failed(error: OSError, cache: Path, done: int, scenes: int) -> str:
    reason = "the disk is full" if error.errno in _FULL else str(error)
    return (
        f"{cache}: cannot write ({reason}); {done} of {scenes} scenes are prepared and whole; make room and run the "
        "same command again, it goes on where this one stopped"
    )


def _remove_others(cache: Path, scenes: Sequence[SceneEntry]) -> None:
    """Remove scenes of earlier runs that the index does not name."""
    named = {Path(scene.file).stem for scene in scenes}
    for file in (cache / SCENES).iterdir():
        if file.suffix in (".npz", ".json") and file.stem not in named:
            file.unlink()


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.2f} GB"
