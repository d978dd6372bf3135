"""Shallow dense networks ``f_d`` that turn pooled features into the feature volume (Eq. 3)."""

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn


class DenseNetConfig(BaseModel):
    """Which dense network to build."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["conv", "unet"] = Field(
        default="unet",
        description="conv: one 3x3x3 convolution (outdoor); unet: two levels of a 3D U-Net (indoor)",
    )
    channels: int = Field(default=32, ge=1, description="channels of the feature volume V")
    projected_channels: int | None = Field(
        default=32,
        ge=1,
        description="reduce the point features to this many channels before pooling, by a linear layer "
        "without bias: the same as a 1x1x1 convolution after mean pooling, for the price of points instead "
        "of cells; None: leave them as they are",
    )
    groups: int = Field(
        default=8, ge=1, description="groups of the U-Net's GroupNorm; must divide the channels"
    )


class DenseConv(nn.Module):
    """One 3x3x3 convolution: ``(batch, in_channels, X, Y, Z) -> (batch, channels, X, Y, Z)``."""

    def __init__(self, config: DenseNetConfig, in_channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(in_channels, config.channels, kernel_size=3, padding=1)

    def forward(self, volume: Float[Tensor, "batch inputs x y z"]) -> Float[Tensor, "batch outputs x y z"]:
        """Convolve; zero padding at the faces of the box."""
        return self.convolution(volume)


class DenseUnet(nn.Module):
    """A 3D U-Net of two levels below the full resolution, with skip connections that add.

    The full resolution, where nearly all the cost would lie, has a single 3x3x3 convolution, the last; its skip
    connection carries the pooled features themselves, through a 1x1x1 convolution where the channels differ.
    GroupNorm keeps it independent of the batch size. Sides that are not multiples of 4 are padded at the upper
    end and cut again. The last layer has neither norm nor activation, so that features of either sign come out.
    """

    def __init__(self, config: DenseNetConfig, in_channels: int) -> None:
        super().__init__()
        wide, groups = config.channels, config.groups
        self.skip = nn.Identity() if in_channels == wide else nn.Conv3d(in_channels, wide, kernel_size=1)
        self.down1 = _block(in_channels, 2 * wide, groups, stride=2)
        self.down2 = _block(2 * wide, 4 * wide, groups, stride=2)
        self.up1 = nn.ConvTranspose3d(4 * wide, 2 * wide, kernel_size=2, stride=2)
        self.join1 = _block(2 * wide, 2 * wide, groups)
        self.up0 = nn.ConvTranspose3d(2 * wide, wide, kernel_size=2, stride=2)
        self.join0 = nn.Conv3d(wide, wide, kernel_size=3, padding=1)

    def forward(self, volume: Float[Tensor, "batch inputs x y z"]) -> Float[Tensor, "batch outputs x y z"]:
        """Run the network at any size of the volume."""
        x, y, z = volume.shape[2:]
        padded = nn.functional.pad(volume, (0, -z % 4, 0, -y % 4, 0, -x % 4))
        half = self.down1(padded)
        half = self.join1(half + self.up1(self.down2(half)))
        return self.join0(self.skip(padded) + self.up0(half))[..., :x, :y, :z]


def _block(in_channels: int, out_channels: int, groups: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False),
        nn.GroupNorm(groups, out_channels),
        nn.ReLU(inplace=True),
    )


def build_dense_net(config: DenseNetConfig, in_channels: int) -> nn.Module:
    """The dense network of ``config`` for pooled features of ``in_channels``, its weights channels-last.

    Raises:
        ValueError: when the groups of the norm do not divide the channels.
    """
    if config.kind == "unet" and config.channels % config.groups:
        raise ValueError(
            f"{config.groups} groups do not divide {config.channels} channels; choose other dense.groups or "
            "dense.channels"
        )
    net = DenseConv(config, in_channels) if config.kind == "conv" else DenseUnet(config, in_channels)
    return net.to(memory_format=torch.channels_last_3d)  # pyright: ignore[reportCallIssue]
