"""The order of the scenes: which one stands at which position of a run, as a pure function of the seed."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Int
from ponder_data import Visits
from torch import Tensor


def seeded_generator(*words: int) -> torch.Generator:
    """Return a CPU generator whose state depends on all ``words`` (well mixed, unlike ``seed + step``)."""
    state = int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0])
    return torch.Generator().manual_seed(state & (2**63 - 1))


def scene_order(seed: int, epoch: int, scenes: int) -> Int[Tensor, " scenes"]:
    """Return the order in which ``epoch`` visits the scenes of one dataset, each once."""
    return torch.randperm(scenes, generator=seeded_generator(seed, 0, epoch))


@lru_cache(maxsize=4)
def visiting_order(seed: int, epoch: int, visits: tuple[Visits, ...]) -> Int[Tensor, " visits"]:
    """Return the scenes that ``epoch`` visits, in order, by their place in all datasets one after the other.

    A dataset visited a whole number of times shows each scene that often. Otherwise its visits run through all its
    scenes in an order of their own before any is seen again, over the ends of epochs.
    """
    first, listed = 0, []
    for part, visit in enumerate(visits):
        listed.append(first + _visited(seed, epoch, part, visit))
        first += visit.scenes
    together = torch.cat(listed)
    return together[scene_order(seed, epoch, len(together))]


def epoch_length(visits: Sequence[Visits]) -> int:
    """Return how many scenes an epoch visits."""
    return sum(visit.per_epoch for visit in visits)


def _visited(seed: int, epoch: int, part: int, visit: Visits) -> Int[Tensor, " visits"]:
    loops, rest = divmod(visit.per_epoch, visit.scenes)
    if rest == 0:
        return torch.arange(visit.scenes).repeat(loops)
    number = torch.arange(epoch * visit.per_epoch, (epoch + 1) * visit.per_epoch)
    turns, place = number // visit.scenes, number % visit.scenes
    first, last = int(turns[0]), int(turns[-1])
    orders = [
        torch.randperm(visit.scenes, generator=seeded_generator(seed, 3, part, turn))
        for turn in range(first, last + 1)
    ]
    return torch.stack(orders)[turns - first, place]
