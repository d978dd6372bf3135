"""Processes that train one model together: how they are started, and what they have to agree on."""

from collections.abc import Sequence

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy

from ponder_tasks.training_config import TrainerConfig


def open_fabric(config: TrainerConfig) -> Fabric:
    """Return the devices of ``config``, each with a process of its own once :meth:`Fabric.launch` was called.

    Where there are several, a parameter may go without gradient in some of them: the norms of a dataset that a process
    has no scene of, a scorer without proposals. The others then decide how it moves.
    """
    fabric = Fabric(accelerator=config.accelerator, devices=config.devices)
    if not isinstance(fabric.strategy, DDPStrategy):
        return fabric
    strategy = DDPStrategy(find_unused_parameters=True)
    return Fabric(accelerator=config.accelerator, devices=config.devices, strategy=strategy)


def in_any_process(fabric: Fabric, here: bool) -> bool:
    """Return whether ``here`` is true in one of the processes; all have to ask.

    A process that left the training alone would keep the others waiting for its gradients for ever.
    """
    if fabric.world_size == 1:
        return here
    return mean_over_processes(fabric, [float(here)])[0] > 0


def mean_over_processes(fabric: Fabric, values: Sequence[float]) -> list[float]:
    """Return the mean of each of ``values`` over the processes, of which all have equally many."""
    if fabric.world_size == 1:
        return list(values)
    own = torch.tensor(values, dtype=torch.float32, device=fabric.device)
    mean = fabric.all_reduce(own, reduce_op="mean")
    assert isinstance(mean, torch.Tensor)
    return mean.tolist()
