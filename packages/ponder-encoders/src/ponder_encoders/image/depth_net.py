"""The depth distribution and the context of every feature cell: what LSS and UVTR learn from images."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthAndContext:
    """What is known of each feature cell.

    Attributes:
        depth_logits: over depth bins, before the softmax.
        context: features that go into the volume.
    """

    depth_logits: Float[Tensor, "batch cameras bins rows columns"]
    context: Float[Tensor, "batch cameras channels rows columns"]

    @property
    def probability(self) -> Float[Tensor, "batch cameras bins rows columns"]:
        """Of each bin; in float32 at least."""
        logits = self.depth_logits
        return logits.to(torch.promote_types(logits.dtype, torch.float32)).softmax(dim=2)


def pointwise(inputs: int, outputs: int, generator: torch.Generator | None = None) -> nn.Conv2d:
    """A 1x1 convolution whose weights start normal with variance ``1 / inputs``, and its bias at zero."""
    layer = nn.Conv2d(inputs, outputs, 1)
    nn.init.normal_(layer.weight, 0.0, inputs**-0.5, generator=generator)
    assert layer.bias is not None, "Conv2d has a bias by default"
    nn.init.zeros_(layer.bias)
    return layer


class PointwiseDepthNet(nn.Module):
    """One 1x1 convolution gives both, as in LSS: a cell knows its depth from its feature alone.

    Args:
        inputs: channels of the features.
        bins: of depth.
        channels: of the context.
        generator: source of the initial weights.
    """

    def __init__(
        self, inputs: int, bins: int, channels: int, *, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.bins = bins
        self.layer = pointwise(inputs, bins + channels, generator)

    def forward(self, features: Float[Tensor, "batch cameras inputs rows columns"]) -> DepthAndContext:
        """Depth and context of every cell."""
        both = self.layer(features.flatten(0, 1)).unflatten(0, features.shape[:2])
        return DepthAndContext(depth_logits=both[:, :, : self.bins], context=both[:, :, self.bins :])
