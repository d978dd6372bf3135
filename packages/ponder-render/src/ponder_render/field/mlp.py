"""Small multi-layer perceptrons in plain PyTorch, one of which knows the gradient of its first output.

They hold the parameters and say what is computed; rendering evaluates the same functions faster (``folding``).
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class SmoothMlp(nn.Module):
    """Linear layers with softplus between them (Eq. 4): smooth, so that its gradient can be trained.

    Args:
        inputs: channels in.
        hidden: width of the hidden layers.
        layers: number of hidden layers; 0 makes the map linear.
        outputs: channels out.
        beta: sharpness of the softplus; at 100 it is close to a ReLU.
    """

    def __init__(self, inputs: int, hidden: int, layers: int, outputs: int, beta: float) -> None:
        super().__init__()
        self.beta = beta
        self.hidden = _linear_layers([inputs] + [hidden] * layers)
        self.output = nn.Linear(hidden if layers else inputs, outputs)

    def forward(self, x: Float[Tensor, "samples inputs"]) -> Float[Tensor, "samples outputs"]:
        """The outputs alone."""
        for layer in self.hidden:
            x = softplus(layer(x), self.beta)
        return self.output(x)

    def first_output(self, x: Float[Tensor, "samples inputs"]) -> Float[Tensor, " samples"]:
        """Only the first output channel, without computing the others."""
        for layer in self.hidden:
            x = softplus(layer(x), self.beta)
        return x @ self.output.weight[0] + self.output.bias[0]

    def with_gradient(
        self, x: Float[Tensor, "samples inputs"]
    ) -> tuple[Float[Tensor, "samples outputs"], Float[Tensor, "samples inputs"]]:
        """The outputs, and the gradient of the first one with respect to the inputs.

        The chain rule is written out as ordinary operations, from the last layer to the first, so that the
        gradient itself can be differentiated, any number of times.
        """
        slopes = []
        for layer in self.hidden:
            z = layer(x)
            x = softplus(z, self.beta)
            slopes.append(torch.sigmoid(self.beta * z))
        gradient = self.output.weight[0].expand(x.shape[0], -1)
        for layer, slope in zip(reversed(list(linear_layers(self.hidden))), reversed(slopes), strict=True):
            gradient = (gradient * slope) @ layer.weight
        return self.output(x), gradient


class HeadMlp(nn.Module):
    """Linear layers with ReLU between them: the colour and semantic heads (Eq. 5, 9)."""

    def __init__(self, inputs: int, hidden: int, layers: int, outputs: int) -> None:
        super().__init__()
        self.hidden = _linear_layers([inputs] + [hidden] * layers)
        self.output = nn.Linear(hidden if layers else inputs, outputs)

    def forward(self, x: Float[Tensor, "samples inputs"]) -> Float[Tensor, "samples outputs"]:
        """The outputs, without final activation."""
        for layer in self.hidden:
            x = torch.relu(layer(x))
        return self.output(x)


def softplus(z: Float[Tensor, "samples width"], beta: float) -> Float[Tensor, "samples width"]:
    """``log(1 + exp(beta z)) / beta``, exact in float64 too: PyTorch's default is the identity from 20 / beta on."""
    return F.softplus(z, beta, threshold=40)


def linear_layers(modules: nn.ModuleList) -> list[nn.Linear]:
    """The layers of a list that holds nothing but linear layers, as such."""
    return [layer for layer in modules if isinstance(layer, nn.Linear)]


def _linear_layers(widths: list[int]) -> nn.ModuleList:
    layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
    for layer in linear_layers(layers):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    return layers
