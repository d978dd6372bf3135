"""The sequence of training batches: a pure function of the seed and the step, so that a run can be resumed anywhere."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from ponder_data import Batch, Rays, SampleConfig, Scenes, collate, prepare_sample
from torch import Tensor
from torch.utils.data import DataLoader, Dataset


def seeded_generator(*words: int) -> torch.Generator:
    """Return a CPU generator whose state depends on all ``words`` (well mixed, unlike ``seed + step``)."""
    state = int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0])
    return torch.Generator().manual_seed(state & (2**63 - 1))


def scene_order(seed: int, epoch: int, scenes: int) -> Tensor:
    """Return the order in which ``epoch`` visits the scenes."""
    return torch.randperm(scenes, generator=seeded_generator(seed, 0, epoch))


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

    def to(self, device: torch.device | str) -> "TrainingBatch":
        """Return the batch on ``device``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """A scene of a batch, by its number, and all the randomness of its sample."""

    index: int
    generator: torch.Generator


class StepSequence(Dataset[TrainingBatch]):
    """``sequence[step]`` is the batch of that step, whatever was asked before.

    Every epoch visits every scene once in a new order. What is random of the sample at a position is drawn from a
    generator of its own, so neither workers nor the batch size change a sample.
    With several processes, process ``rank`` of ``world_size`` takes its share of each step's positions.
    """

    def __init__(
        self, scenes: int, *, batch_size: int, steps: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> None:
        self.scene_count = scenes
        self.batch_size = batch_size
        self.steps = steps
        self.seed = seed
        self.rank = rank
        self.world_size = world_size

    def __len__(self) -> int:
        return self.steps

    def picks(self, step: int) -> list[Pick]:
        """Return which scenes the batch of ``step`` is made of."""
        first = (step * self.world_size + self.rank) * self.batch_size
        picks = []
        for position in range(first, first + self.batch_size):
            epoch, place = divmod(position, self.scene_count)
            index = int(scene_order(self.seed, epoch, self.scene_count)[place])
            picks.append(Pick(index=index, generator=seeded_generator(self.seed, 1, position)))
        return picks


class BatchSequence(StepSequence):
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
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        super().__init__(
            len(scenes), batch_size=batch_size, steps=steps, seed=seed, rank=rank, world_size=world_size
        )
        self.scenes = scenes
        self.sample = sample
        self.rays = rays

    def __getitem__(self, step: int) -> Batch:
        samples = [
            prepare_sample(self.scenes[pick.index], self.sample, pick.generator, rays=self.rays)
            for pick in self.picks(step)
        ]
        return collate(samples)


def load_batches(sequence: StepSequence, *, first: int, workers: int) -> DataLoader[TrainingBatch]:
    """Return a loader over the steps from ``first`` on; ``workers`` processes prepare batches ahead."""
    return DataLoader(
        sequence,
        batch_size=None,
        sampler=range(first, len(sequence)),
        num_workers=workers,
        persistent_workers=False,
        multiprocessing_context="fork"
        if workers and torch.multiprocessing.get_all_start_methods()[0] == "fork"
        else None,
    )
