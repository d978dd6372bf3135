"""A depth network that knows its camera: the same object looks larger through a longer lens."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ponder_encoders.image.cameras import CameraBatch
from ponder_encoders.image.depth_net import DepthAndContext, pointwise
from ponder_encoders.shared_mlp import linear

_USUAL_FOCAL_LENGTH = 1000.0
"""Pixels; brings the logarithm of focal lengths near zero."""


def describe_lenses(cameras: CameraBatch) -> Float[Tensor, "batch cameras 4"]:
    """Focal lengths, as logarithms of 1000 pixels, and the principal point's offset from the centre, in images."""
    matrix = cameras.intrinsics
    focal = torch.stack((matrix[..., 0, 0], matrix[..., 1, 1]), dim=-1)
    size = focal.new_tensor((cameras.width, cameras.height))
    principal = (matrix[..., :2, 2] + 0.5) / size - 0.5
    return torch.cat((torch.log(focal / _USUAL_FOCAL_LENGTH), principal), dim=-1)


def _convolution(inputs: int, outputs: int, generator: torch.Generator | None) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
    return layer


class ResidualBlock(nn.Module):
    """``relu(x + norm(conv(relu(norm(conv(x))))))`` with 3x3 convolutions (He et al. 2016)."""

    def __init__(self, channels: int, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _convolution(channels, channels, generator),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            _convolution(channels, channels, generator),
            nn.BatchNorm2d(channels),
        )

    def forward(self, maps: Float[Tensor, "images channels rows columns"]) -> Tensor:
        """Refine every map."""
        return torch.relu(maps + self.body(maps))


class LensGate(nn.Module):
    """Squeeze-and-excitation by the camera: each channel is scaled by what the lens says of it.

    Unlike the usual one (Hu et al. 2018) nothing is squeezed from the image: ``maps * sigmoid(mlp(lens))``.
    """

    def __init__(self, channels: int, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            linear(4, channels, bias=True, generator=generator),
            nn.ReLU(),
            linear(channels, channels, bias=True, generator=generator),
            nn.ReLU(),
            linear(channels, channels, bias=True, generator=generator),
        )

    def forward(
        self,
        maps: Float[Tensor, "images channels rows columns"],
        lenses: Float[Tensor, "images 4"],
    ) -> Float[Tensor, "images channels rows columns"]:
        """Scale the channels of every map."""
        return maps * self.mlp(lenses).sigmoid()[:, :, None, None]


class CameraDepthNet(nn.Module):
    """The depth network of BEVDepth, without its ASPP and deformable convolution.

    One 3x3 convolution, then two branches, each behind its own :class:`LensGate`: residual blocks and a 1x1
    convolution for depth, a 1x1 convolution for context. Batch normalisation takes all images of the batch together.

    Args:
        inputs: channels of the features.
        bins: of depth.
        channels: of the context.
        hidden: channels of both branches.
        blocks: residual blocks of the depth branch.
        generator: source of the initial weights.
    """

    def __init__(
        self,
        inputs: int,
        bins: int,
        channels: int,
        *,
        hidden: int,
        blocks: int,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.reduce = nn.Sequential(
            _convolution(inputs, hidden, generator), nn.BatchNorm2d(hidden), nn.ReLU()
        )
        self.depth_gate = LensGate(hidden, generator=generator)
        self.blocks = nn.Sequential(*[ResidualBlock(hidden, generator=generator) for _ in range(blocks)])
        self.depth = pointwise(hidden, bins, generator)
        self.context_gate = LensGate(hidden, generator=generator)
        self.context = pointwise(hidden, channels, generator)

    def forward(
        self, features: Float[Tensor, "batch cameras inputs rows columns"], cameras: CameraBatch
    ) -> DepthAndContext:
        """Depth and context of every cell."""
        lenses = describe_lenses(cameras).to(features.dtype).flatten(0, 1)
        maps = self.reduce(features.flatten(0, 1))
        logits = self.depth(self.blocks(self.depth_gate(maps, lenses)))
        context = self.context(self.context_gate(maps, lenses))
        lead = features.shape[:2]
        return DepthAndContext(depth_logits=logits.unflatten(0, lead), context=context.unflatten(0, lead))
