"""The last layer of a head: what comes out are metres and scores, not features that another norm brings to size."""

from torch import nn


class OutputLayer(nn.Linear):
    """A linear layer that Muon leaves to AdamW (decision 0022).

    Muon moves every direction of a matrix at the same pace, whatever its gradient. In a layer that makes three metres
    of many features, that moves every point by a decimetre or more with each step of training.

    Args:
        inputs: channels in.
        outputs: channels out.
        zero: start at an output of zero.
    """

    def __init__(self, inputs: int, outputs: int, *, zero: bool = False) -> None:
        super().__init__(inputs, outputs)
        if zero:
            nn.init.zeros_(self.weight)
            nn.init.zeros_(self.bias)


def output_parameters(model: nn.Module) -> frozenset[nn.Parameter]:
    """Return the weights and biases of all output layers of ``model``."""
    layers = [module for module in model.modules() if isinstance(module, OutputLayer)]
    return frozenset(parameter for layer in layers for parameter in layer.parameters())
