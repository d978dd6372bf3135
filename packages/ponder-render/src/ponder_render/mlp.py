"""Small multi-layer perceptrons, one of which knows the gradient of its first output in closed form."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ponder_render.linear import linear


class _SoftplusWithSlope(torch.autograd.Function):
    """``(softplus, its derivative)`` from one sigmoid; both differentiable once."""

    @staticmethod
    def forward(ctx, z: Tensor, beta: float) -> tuple[Tensor, Tensor]:
        # softplus(z) = relu(z) - log(max(s, 1 - s)) / beta: twice as fast as torch's, and as exact.
        scratch = z * beta
        slope = torch.sigmoid(scratch)
        torch.sub(1, slope, out=scratch)
        torch.maximum(slope, scratch, out=scratch)
        value = z.clamp(min=0).sub_(scratch.log_(), alpha=1 / beta)
        ctx.save_for_backward(slope)
        ctx.beta = beta
        return value, slope

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_value: Tensor, grad_slope: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        (slope,) = ctx.saved_tensors
        return (grad_slope * (1 - slope)).mul_(ctx.beta).add_(grad_value).mul_(slope), None


def softplus_with_slope(
    z: Float[Tensor, "samples width"], beta: float
) -> tuple[Float[Tensor, "samples width"], Float[Tensor, "samples width"]]:
    """``log(1 + exp(beta z)) / beta`` and its derivative ``sigmoid(beta z)``; both differentiable once."""
    return _SoftplusWithSlope.apply(z, beta)  # pyright: ignore[reportReturnType]


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
            x, _ = softplus_with_slope(_apply(layer, x), self.beta)
        return _apply(self.output, x)

    def first_output(self, x: Float[Tensor, "samples inputs"]) -> Float[Tensor, " samples"]:
        """Only the first output channel, without computing the others."""
        for layer in self.hidden:
            x, _ = softplus_with_slope(_apply(layer, x), self.beta)
        return x @ self.output.weight[0] + self.output.bias[0]

    def with_gradient(
        self, x: Float[Tensor, "samples inputs"]
    ) -> tuple[Float[Tensor, "samples outputs"], Float[Tensor, "samples inputs"]]:
        """The outputs, and the gradient of the first one with respect to the inputs.

        The chain rule is written out as ordinary operations, from the last layer to the first, so that the
        gradient itself can be differentiated (once) at the price of one more pass and no double backward.
        """
        slopes = []
        for layer in self.hidden:
            x, slope = softplus_with_slope(_apply(layer, x), self.beta)
            slopes.append(slope)
        row, gradient = self.output.weight[0], None
        for layer, slope in zip(reversed(self.hidden), reversed(slopes), strict=True):
            if gradient is None:
                gradient = linear(slope, (row[:, None] * _weight(layer)).t())
            else:
                gradient = linear(gradient * slope, _weight(layer).t())
        return _apply(self.output, x), row.expand(x.shape[0], -1) if gradient is None else gradient


class HeadMlp(nn.Module):
    """Linear layers with ReLU between them: the colour and semantic heads (Eq. 5, 9)."""

    def __init__(self, inputs: int, hidden: int, layers: int, outputs: int) -> None:
        super().__init__()
        self.hidden = _linear_layers([inputs] + [hidden] * layers)
        self.output = nn.Linear(hidden if layers else inputs, outputs)

    def forward(self, x: Float[Tensor, "samples inputs"]) -> Float[Tensor, "samples outputs"]:
        """The outputs, without final activation."""
        for layer in self.hidden:
            x = torch.relu(_apply(layer, x))
        return _apply(self.output, x)


def _weight(layer: nn.Module) -> Tensor:
    assert isinstance(layer, nn.Linear)
    return layer.weight


def _apply(layer: nn.Module, x: Tensor) -> Tensor:
    assert isinstance(layer, nn.Linear)
    return linear(x, layer.weight, layer.bias)


def _linear_layers(widths: list[int]) -> nn.ModuleList:
    layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
    for layer in layers:
        assert isinstance(layer, nn.Linear)
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    return layers
