"""Settling: once training is over, the norms take their statistics anew, with the weights that training ended on.

While weights move, the running statistics of batch normalisation lag behind them. In short runs at high learning rates
that shows: features of walls of one direction came out ten times too large in evaluation. A mean over a few batches
with the final weights ends that (decision 0021).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ponder_tasks.batches import TrainingBatch
from ponder_tasks.devices import move
from ponder_tasks.scene_order import seeded_generator


@torch.no_grad()
def settle_norms(model: nn.Module, batches: Iterable[TrainingBatch], fabric: Fabric, seed: int) -> None:
    """Replace the running statistics of every norm that learns by their mean over those of ``batches`` that it sees.

    Norms in evaluation mode, as of a frozen encoder, and norms that see no batch keep theirs. Weights do not change.

    Args:
        model: in training mode; its forward takes a batch, a generator and the progress.
        batches: as in training.
        fabric: says on which device.
        seed: of what is random in a forward pass.
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm) and module.training]
    before = [_batches_seen(norm) for norm in norms]
    with _own_momenta(norms):
        for number, batch in enumerate(batches):
            for norm, seen in zip(norms, before, strict=True):
                norm.momentum = 1.0 / (_batches_seen(norm) - seen + 1)  # the mean of all batches so far
            generator = seeded_generator(seed, 5, number, fabric.global_rank)
            model(move(batch, fabric.device), generator, 1.0)


def _batches_seen(norm: _BatchNorm) -> int:
    assert norm.num_batches_tracked is not None, "norms here track their statistics"
    return int(norm.num_batches_tracked)


@contextmanager
def _own_momenta(norms: list[_BatchNorm]) -> Iterator[None]:
    """Give the norms their own momentum back afterwards."""
    momenta = [norm.momentum for norm in norms]
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
