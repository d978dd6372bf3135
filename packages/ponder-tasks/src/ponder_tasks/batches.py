"""The sequence of training batches: a pure function of the seed and the step, so that a run can be resumed anywhere."""

import numpy as np
import torch
from ponder_data import Batch, SampleConfig, Scenes, collate, prepare_sample
from torch import Tensor
from torch.utils.data import DataLoader, Dataset


def seeded_generator(*words: int) -> torch.Generator:
    """Return a CPU generator whose state depends on all ``words`` (well mixed, unlike ``seed + step``)."""
    state = int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0])
    return torch.Generator().manual_seed(state & (2**63 - 1))


def scene_order(seed: int, epoch: int, scenes: int) -> Tensor:
    """Return the order in which ``epoch`` visits the scenes."""
    return torch.randperm(scenes, generator=seeded_generator(seed, 0, epoch))


class BatchSequence(Dataset[Batch]):
    """``sequence[step]`` is the batch of that step, whatever was asked before.

    Every epoch visits every scene once in a new order. The augmentation, mask and rays of the sample at a position are
    drawn from a generator of their own, so neither workers nor the batch size change a sample.
    With several processes, process ``rank`` of ``world_size`` takes its share of each step's positions.
    """

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
        self.scenes = scenes
        self.sample = sample
        self.batch_size = batch_size
        self.steps = steps
        self.seed = seed
        self.rays = rays
        self.rank = rank
        self.world_size = world_size

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> Batch:
        first = (step * self.world_size + self.rank) * self.batch_size
        samples = []
        for position in range(first, first + self.batch_size):
            epoch, place = divmod(position, len(self.scenes))
            index = int(scene_order(self.seed, epoch, len(self.scenes))[place])
            generator = seeded_generator(self.seed, 1, position)
            samples.append(prepare_sample(self.scenes[index], self.sample, generator, rays=self.rays))
        return collate(samples)


def load_batches(sequence: BatchSequence, *, first: int, workers: int) -> DataLoader[Batch]:
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
