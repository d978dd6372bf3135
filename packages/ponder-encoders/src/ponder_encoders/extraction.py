"""Encoders as they are used, not trained: in evaluation mode and without gradients."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import nn

Encoder = TypeVar("Encoder", bound=nn.Module)


@contextmanager
def frozen(encoder: Encoder) -> Iterator[Encoder]:
    """Give ``encoder`` in evaluation mode, without gradients, and put every part back into its own mode afterwards.

    So features can be taken in the middle of a training run::

        with frozen(unet) as network:
            features = network(batch)
    """
    training = {module: module.training for module in encoder.modules()}
    encoder.eval()
    try:
        with torch.no_grad():
            yield encoder
    finally:
        for module, mode in training.items():
            module.training = mode
