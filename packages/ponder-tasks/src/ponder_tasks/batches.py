"""The sequence of training batches: a pure function of the seed and the step, so that a run can be resumed anywhere."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float
from ponder_data import (
    Batch,
    MixConfig,
    Mixture,
    Rays,
    Sample,
    SampleConfig,
    Scenes,
    Visits,
    collate,
    mix_samples,
    prepare_sample,
)
from torch import Tensor
from torch.utils.data import Dataset

from ponder_tasks.broken_scenes import BrokenScene
from ponder_tasks.scene_order import epoch_length, scene_order, seeded_generator, visiting_order
from ponder_tasks.training_config import TrainerConfig

__all__ = [
    "BatchSequence",
    "PreparedSample",
    "StepSequence",
    "TrainingBatch",
    "scene_order",
    "seeded_generator",
    "training_batches",
]

ATTEMPTS = 8
"""So many scenes in a row that cannot be used are no accident: the settings are wrong, not the files."""

SampleType = TypeVar("SampleType")


@runtime_checkable
class TrainingBatch(Protocol):
    """What the trainer knows of a batch; its task's model knows more."""

    @property
    def coord(self) -> Float[Tensor, "points 3"]:
        """The points, of which there are so many a second."""
        ...

    @property
    def rays(self) -> Rays | None:
        """What is rendered of them, if anything."""
        ...

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "TrainingBatch":
        """Return the batch on ``device``."""
        ...

    def pin_memory(self) -> "TrainingBatch":
        """Return the batch in page-locked memory."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedSample(Generic[SampleType]):
    """The sample at a position, and the scenes that it should have come from but that are broken."""

    sample: SampleType
    broken: tuple[BrokenScene, ...]


class StepSequence(Dataset[TrainingBatch], ABC, Generic[SampleType]):
    """``sequence[step]`` is the batch of that step, whatever was asked before.

    Every epoch visits every scene once in a new order; those of a mixture, as often as it says. What is random of the
    sample at a position is drawn from a generator of its own, so neither workers nor the batch size change a sample.
    With several processes, process ``rank`` of ``world_size`` takes its share of each step's positions. In place of a
    broken scene comes another one of the same dataset, always the same.

    A task says in a subclass how a sample is drawn and how samples are packed.
    """

    def __init__(
        self,
        visits: Sequence[Visits],
        *,
        batch_size: int,
        steps: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.visits = tuple(visits)
        self.batch_size = batch_size
        self.steps = steps
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self._broken: dict[int, BrokenScene] = {}

    @abstractmethod
    def draw(self, index: int, generator: torch.Generator) -> SampleType:
        """Return a sample of scene ``index``, random by ``generator`` alone.

        Raises:
            ValueError, OSError, EOFError: when the scene is broken.
        """

    @abstractmethod
    def pack(self, samples: Sequence[SampleType]) -> TrainingBatch:
        """Return the batch of ``samples``."""

    def batch_of(self, samples: Sequence[SampleType], step: int) -> TrainingBatch:
        """Return the batch of ``step``, whose samples these are; what is drawn for a whole batch is drawn here."""
        return self.pack(samples)

    @abstractmethod
    def scene_name(self, index: int) -> str:
        """Return what a person would call scene ``index``."""

    def lengthened(self, steps: int) -> "StepSequence[SampleType]":
        """Return the same sequence, going on for ``steps`` more."""
        longer = copy(self)
        longer.steps = self.steps + steps
        return longer

    @property
    def scene_count(self) -> int:
        """How many scenes there are."""
        return sum(visit.scenes for visit in self.visits)

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> TrainingBatch:
        return self.batch_of([self.prepare(position).sample for position in self.positions(step)], step)

    def positions(self, step: int) -> range:
        """Return the positions whose samples make the batch of ``step``."""
        first = (step * self.world_size + self.rank) * self.batch_size
        return range(first, first + self.batch_size)

    def scene_at(self, position: int) -> int:
        """Return the index of the scene that stands at ``position``."""
        epoch, place = divmod(position, epoch_length(self.visits))
        return int(visiting_order(self.seed, epoch, self.visits)[place])

    def prepare(self, position: int) -> PreparedSample[SampleType]:
        """Return the sample at ``position``.

        Raises:
            ValueError: when no scene can be used, with the reason of the first.
        """
        planned = self.scene_at(position)
        index, broken = planned, []
        for attempt in range(1, ATTEMPTS + 1):
            found = self._drawn(index, position)
            if not isinstance(found, BrokenScene):
                return PreparedSample(sample=found, broken=tuple(broken))
            broken.append(found)
            index = self._replacement(planned, position, attempt)
        raise ValueError(f"{broken[0].reason} ({broken[0].name}; {ATTEMPTS} tries found no scene to use)")

    def _drawn(self, index: int, position: int) -> SampleType | BrokenScene:
        if index in self._broken:  # read once, not in every epoch
            return self._broken[index]
        try:
            with _one_thread():
                return self.draw(index, seeded_generator(self.seed, 1, position))
        except (ValueError, OSError, EOFError) as error:
            self._broken[index] = BrokenScene(
                index=index, name=self.scene_name(index), reason=" ".join(str(error).split())
            )
            return self._broken[index]

    def _replacement(self, planned: int, position: int, attempt: int) -> int:
        first = 0
        for visit in self.visits:
            if planned < first + visit.scenes:
                generator = seeded_generator(self.seed, 4, position, attempt)
                return first + int(torch.randint(visit.scenes, (), generator=generator))
            first += visit.scenes
        raise AssertionError(f"scene {planned} is in none of {self.visits}")


class BatchSequence(StepSequence[Sample]):
    """Batches of augmented and masked scenes, with the rays to render of them where asked for."""

    def __init__(
        self,
        scenes: Scenes,
        sample: SampleConfig,
        *,
        batch_size: int,
        steps: int,
        seed: int,
        rays: bool,
        mix: MixConfig | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        super().__init__(
            scenes.visits if isinstance(scenes, Mixture) else (each_once(len(scenes)),),
            batch_size=batch_size,
            steps=steps,
            seed=seed,
            rank=rank,
            world_size=world_size,
        )
        self.scenes = scenes
        self.sample = sample
        self.rays = rays
        self.mix = MixConfig() if mix is None else mix

    def __getitem__(self, step: int) -> Batch:
        return self.batch_of([self.prepare(position).sample for position in self.positions(step)], step)

    def draw(self, index: int, generator: torch.Generator) -> Sample:
        """Return the sample without pictures: their rays are drawn."""
        sample = prepare_sample(self.scenes[index], self.sample, generator, rays=self.rays)
        return replace(sample, scene=replace(sample.scene, views=(), held_out_views=()))

    def pack(self, samples: Sequence[Sample]) -> Batch:
        """Return the batch of ``samples``."""
        return collate(samples)

    def batch_of(self, samples: Sequence[Sample], step: int) -> Batch:
        """Return the batch of ``step``, pairs of its samples mixed where asked for."""
        generator = seeded_generator(self.seed, 5, step, self.rank)
        return self.pack(mix_samples(samples, self.mix, self.sample.cell, generator))

    def scene_name(self, index: int) -> str:
        """Return the scene's dataset and its number in it."""
        if isinstance(self.scenes, Mixture):
            part, index = self.scenes.place(index)
            return f"scene {index} of {self.scenes.parts[part].scenes.name}"
        return f"scene {index} of {self.scenes.name}"


def training_batches(
    scenes: Scenes,
    sample: SampleConfig,
    trainer: TrainerConfig,
    *,
    rays: bool,
    mix: MixConfig | None = None,
    rank: int,
    world_size: int,
) -> BatchSequence:
    """Return the batches of one process for all steps that ``trainer`` says."""
    return BatchSequence(
        scenes,
        sample,
        batch_size=trainer.batch_size,
        steps=trainer.steps * trainer.accumulate,
        seed=trainer.seed,
        rays=rays,
        mix=mix,
        rank=rank,
        world_size=world_size,
    )


def each_once(scenes: int) -> Visits:
    """Return the visits of an epoch that sees every scene once."""
    return Visits(scenes=scenes, per_epoch=scenes)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute with one thread, as workers do: more may add up in another order, and so round otherwise."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
