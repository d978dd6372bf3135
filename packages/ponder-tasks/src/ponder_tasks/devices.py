"""Whether the device that was asked for is there."""

import torch


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
