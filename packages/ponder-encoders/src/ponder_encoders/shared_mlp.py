"""Linear layers that every point, edge or group member shares, with normalisation."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ponder_encoders.norms import PointBatchNorm

Activation = Callable[[Tensor], Tensor]


def point_norm(channels: int, momentum: float) -> PointBatchNorm:
    """Batch normalisation over rows, with PyTorch's usual ``eps`` of 1e-5."""
    norm = PointBatchNorm(channels)
    norm.eps, norm.momentum = 1e-5, momentum
    return norm


def linear(
    inputs: int, outputs: int, *, bias: bool = False, generator: torch.Generator | None = None
) -> nn.Linear:
    """A linear layer whose weights start normal with variance ``2 / inputs``, and its bias at zero."""
    layer = nn.Linear(inputs, outputs, bias=bias)
    # A generator lives on one device; drawing there lets weights be made on any.
    nn.init.normal_(layer.weight, 0.0, (2 / inputs) ** 0.5, generator=generator)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


class SharedMlp(nn.Module):
    """``activation(norm(linear(x)))`` for each width in turn.

    Args:
        inputs: channels in.
        widths: channels after each layer; none makes it the identity.
        activation: after each normalisation.
        momentum: share of each batch in the running statistics.
        generator: source of the initial weights.
    """

    def __init__(
        self,
        inputs: int,
        widths: tuple[int, ...],
        *,
        activation: Activation,
        momentum: float,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        sizes = (inputs, *widths)
        self.activation = activation
        self.linears = nn.ModuleList(
            linear(sizes[i], sizes[i + 1], generator=generator) for i in range(len(widths))
        )
        self.norms = nn.ModuleList(point_norm(width, momentum) for width in widths)
        self.outputs = sizes[-1]

    def forward(self, rows: Float[Tensor, "rows inputs"]) -> Float[Tensor, "rows outputs"]:
        """Apply every layer to every row."""
        for layer, norm in zip(self.linears, self.norms, strict=True):
            rows = self.activation(norm(layer(rows)))
        return rows
