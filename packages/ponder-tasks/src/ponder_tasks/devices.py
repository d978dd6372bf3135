"""Whether the device that was asked for is there, and how a batch gets onto it."""

import torch

from ponder_tasks.batches import TrainingBatch


def check_device(name: str) -> None:
    """Return if a tensor can lie on ``name`` ("auto" and "cpu" always can).

    Raises:
        ValueError: when it is "cuda" or "mps" and torch finds none.
    """
    found = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    kind = name.split(":")[0]
    if kind in found and not found[kind]():
        raise ValueError(
            f"there is no {kind} device that torch {torch.__version__} can use; "
            "take --device cpu, or see 'ponder doctor'"
        )


def move(batch: TrainingBatch, device: torch.device) -> TrainingBatch:
    """Return ``batch`` on ``device``.

    A copy to a GPU goes by way of page-locked memory, so that it runs beside what the host does next. PyTorch keeps
    that memory until the copy is done.
    """
    if device.type == "cuda":
        return batch.pin_memory().to(device, non_blocking=True)
    return batch.to(device)
