"""Feature pyramids (FPN, Lin et al. 2017): every level of an image network, with what the coarser ones know."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, PositiveInt
from torch import Tensor, nn


class FeaturePyramidConfig(BaseModel):
    """Sizes of a :class:`FeaturePyramid`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: PositiveInt = Field(default=256, description="of every level")
    normalise: bool = Field(
        default=False,
        description="bring each pixel of each level to mean 0 and variance 1 first, as detectors do with ConvNeXt, "
        "whose stages do not",
    )


class FeaturePyramid(nn.Module):
    """``P_i = conv3x3(M_i)`` with ``M_i = conv1x1(C_i) + nearest(M_{i+1})``, from the coarsest level down.

    A coarse pixel covers exactly the fine ones of its stride, also where sides are odd: what would lie beyond the finer
    level is cut off, and what is lacking repeats the outermost row or column.

    Args:
        in_channels: of each level, from fine to coarse.
        strides: of each level; each a multiple of the one before.
        config: the sizes.
        generator: source of the initial weights; PyTorch's default where not given.

    Raises:
        ValueError: channels and strides do not go together.
    """

    def __init__(
        self,
        in_channels: tuple[int, ...],
        strides: tuple[int, ...],
        config: FeaturePyramidConfig | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        config = config if config is not None else FeaturePyramidConfig()
        if len(in_channels) != len(strides) or not strides:
            raise ValueError(f"every level has channels and a stride, not {in_channels} and {strides}")
        self.factors = tuple(coarse // fine for fine, coarse in pairwise(strides))
        if any(coarse % fine for fine, coarse in pairwise(strides)):
            raise ValueError(f"each stride must be a multiple of the one before, not {strides}")
        self.config = config
        self.strides = strides
        self.lateral = nn.ModuleList(
            _convolution(inputs, config.channels, 1, generator) for inputs in in_channels
        )
        self.output = nn.ModuleList(
            _convolution(config.channels, config.channels, 3, generator) for _ in in_channels
        )

    @property
    def out_channels(self) -> int:
        """Channels of every level."""
        return self.config.channels

    def forward(
        self, levels: tuple[Float[Tensor, "batch cameras _ _ _"], ...]
    ) -> tuple[Float[Tensor, "batch cameras _ _ _"], ...]:
        """Every level, from fine to coarse, at the size of the one given."""
        lead = levels[0].shape[:2]
        return tuple(
            output(merged).unflatten(0, lead)
            for output, merged in zip(self.output, self._merge(levels), strict=True)
        )

    def finest(
        self, levels: tuple[Float[Tensor, "batch cameras _ _ _"], ...]
    ) -> Float[Tensor, "batch cameras channels rows columns"]:
        """The finest level only; the last convolutions of the others are not computed."""
        return self.output[0](self._merge(levels)[0]).unflatten(0, levels[0].shape[:2])

    def _merge(self, levels: tuple[Tensor, ...]) -> list[Tensor]:
        if len(levels) != len(self.lateral):
            raise ValueError(f"this pyramid reads {len(self.lateral)} levels, but was given {len(levels)}")
        flat = [level.flatten(0, 1) for level in levels]
        if self.config.normalise:
            flat = [normalise_pixels(level) for level in flat]
        merged = [self.lateral[-1](flat[-1])]
        for index in range(len(flat) - 2, -1, -1):
            fine = self.lateral[index](flat[index])
            rows, columns = fine.shape[2:]
            merged.append(fine + upsample(merged[-1], self.factors[index], rows, columns))
        return merged[::-1]


def upsample(
    coarse: Float[Tensor, "images channels coarse_rows coarse_columns"], factor: int, rows: int, columns: int
) -> Float[Tensor, "images channels {rows} {columns}"]:
    """Pixel ``(i, j)`` is the coarse pixel ``(i // factor, j // factor)``, or the outermost there is.

    Interpolation to a given size would stretch the coarse level instead, and shift it wherever sides are not multiples.
    """
    if factor > 1:
        coarse = coarse.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)
    coarse = coarse[..., :rows, :columns]
    lacking = (0, columns - coarse.shape[3], 0, rows - coarse.shape[2])
    return F.pad(coarse, lacking, mode="replicate") if any(lacking) else coarse


def normalise_pixels(
    level: Float[Tensor, "images channels rows columns"],
) -> Float[Tensor, "images channels rows columns"]:
    """Mean 0 and variance 1 over the channels of each pixel."""
    return F.layer_norm(level.permute(0, 2, 3, 1), level.shape[1:2]).permute(0, 3, 1, 2)


def _convolution(inputs: int, outputs: int, size: int, generator: torch.Generator | None) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, size, padding=size // 2)
    nn.init.xavier_uniform_(layer.weight, generator=generator)
    assert layer.bias is not None, "convolutions of a pyramid have biases"
    nn.init.zeros_(layer.bias)
    return layer
