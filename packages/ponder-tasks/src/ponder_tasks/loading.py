"""Loading: the batches of a run in order, prepared ahead by processes of their own, told of as they come."""

import os
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Literal

import torch

from ponder_tasks.batches import PreparedSample, StepSequence, TrainingBatch
from ponder_tasks.broken_scenes import BrokenScenes
from ponder_tasks.workers import Workers

MOST_WORKERS = 16
"""Of one training process, unless more are asked for."""

FEW_BATCHES = 32
"""Workers import PyTorch before they do anything, which takes seconds."""


class BatchLoader:
    """Iterates over the batches of ``sequence`` from step ``first`` on.

    A scene is always prepared by the same worker, so each is read, built and kept in memory once, not once in every
    process. What is prepared does not depend on who prepares it, nor on how many do.
    The first batch is made by this process, while the workers start.
    Close it, or use it as a context: otherwise its workers stay until it is collected.

    Args:
        sequence: says which scene stands at which position, and prepares it.
        first: the step to begin with.
        workers: processes; 0 prepares each batch here when it is asked for.
        broken: told of each broken scene.

    Raises:
        ValueError: on iteration, when no scene can be used, or too many are broken.
        ChildProcessError: on iteration, when a worker has died.
    """

    def __init__(self, sequence: StepSequence, *, first: int, workers: int, broken: BrokenScenes) -> None:
        self._sequence = sequence
        self._broken = broken
        self._step = first
        self._next: TrainingBatch | None = None
        self._workers = Workers(sequence.prepare, workers) if workers else None
        later = range(first + 1, len(sequence)) if workers else ()
        self._unasked = (position for step in later for position in sequence.positions(step))
        self._asked: deque[tuple[int, int]] = deque()
        self._most_asked = 2 * max(sequence.batch_size, 2 * workers)

    def __iter__(self) -> Iterator[TrainingBatch]:
        return self

    def __next__(self) -> TrainingBatch:
        if self._step >= len(self._sequence):
            self.close()
            raise StopIteration
        self.look_ahead()
        batch, self._next = self._next, None
        self._step += 1
        assert batch is not None, "look_ahead has prepared it"
        return batch

    def look_ahead(self) -> None:
        """Prepare the next batch already now, so that what is wrong with the data shows; at the end, do nothing."""
        if self._next is None and self._step < len(self._sequence):
            prepared = [self._prepared(position) for position in self._sequence.positions(self._step)]
            self._ask_ahead()
            for sample in prepared:
                self._broken.note(sample.broken)
            self._next = self._sequence.batch_of([sample.sample for sample in prepared], self._step)

    def __enter__(self) -> "BatchLoader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def processes(self) -> tuple[int, ...]:
        """Return the ids of the worker processes; they start with the first batch."""
        return self._workers.processes() if self._workers else ()

    def close(self) -> None:
        """End the workers."""
        if self._workers:
            self._workers.close()

    def _prepared(self, position: int) -> PreparedSample:
        if self._workers is None or not self._asked:
            return self._sequence.prepare(position)
        asked, worker = self._asked.popleft()
        assert asked == position, f"position {position} is due, but {asked} was asked for"
        prepared = self._workers.receive(worker)
        self._ask_ahead()
        return prepared

    def _ask_ahead(self) -> None:
        """Keep as many samples in the making as may be."""
        while self._workers and len(self._asked) < self._most_asked:
            position = next(self._unasked, None)
            if position is None:
                return
            worker = self._sequence.scene_at(position) % len(self._workers)
            self._workers.request(worker, position)
            self._asked.append((position, worker))


def load_batches(
    sequence: StepSequence, *, first: int, workers: int, broken: BrokenScenes | None = None
) -> BatchLoader:
    """Return a loader over the steps from ``first`` on; without ``broken``, any broken scene is an error."""
    if broken is None:
        broken = BrokenScenes(sequence.scene_count, share=0.0, say=_ignore)
    return BatchLoader(sequence, first=first, workers=workers, broken=broken)


def _ignore(message: str) -> None:
    """Nothing is said: the first broken scene is an error."""


def worker_count(
    wanted: int | Literal["auto"], device: torch.device, *, scenes: int, batches: int, processes: int = 1
) -> int:
    """Return how many worker processes each of ``processes`` training processes should have.

    ``auto`` takes all cores but one beside a GPU. Where the CPU trains, the cores are busy: then one worker if there
    are two cores. It takes none for a run of few ``batches``, which would end about when the workers have started.
    More workers than scenes would have nothing to do.
    """
    if wanted != "auto":
        return min(wanted, scenes)
    if batches < FEW_BATCHES:
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    spare = (cores - 1) // processes if device.type != "cpu" else min(cores - 1, 1)
    return min(spare, MOST_WORKERS, scenes)
