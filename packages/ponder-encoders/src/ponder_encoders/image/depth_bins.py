"""Depth cut into bins, so that a network can say by probabilities how far away a pixel is.

All spacings share one continuous coordinate, the *position*: bin ``i`` of ``K`` covers positions ``[i, i + 1]``, and
its centre is the depth at ``i + 0.5``. With ``a`` the nearest and ``b`` the farthest depth and ``t = position / K``:

- uniform: ``a + (b - a) t``.
- linear-increasing (LID; Tang et al. 2020, Reading et al. 2021): each bin is longer than the one before by the same
  amount, ``a + (b - a) p (p + 1) / (K (K + 1))`` at position ``p``.
- log (spacing-increasing, SID; Fu et al. 2018): each bin is longer by the same factor, ``a (b / a)^t``.
"""

import math
from typing import Literal

import torch
from jaxtyping import Float, Int64
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator
from torch import Tensor

Spacing = Literal["uniform", "linear-increasing", "log"]


class DepthBinsConfig(BaseModel):
    """Bins of depth. The defaults are those of BEVDet: 59 bins of a metre."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nearest: float = Field(default=1.0, gt=0, description="where the first bin begins, metres")
    farthest: float = Field(default=60.0, gt=0, description="where the last bin ends, metres")
    count: PositiveInt = Field(default=59, description="number of bins")
    spacing: Spacing = Field(default="uniform", description="how the length of bins grows with depth")

    @model_validator(mode="after")
    def _check(self) -> "DepthBinsConfig":
        if self.nearest >= self.farthest:
            raise ValueError(
                f"bins must end behind their beginning, not at {self.farthest} from {self.nearest} m"
            )
        return self


def depth_at(position: Float[Tensor, "*shape"], bins: DepthBinsConfig) -> Float[Tensor, "*shape"]:
    """Metres at continuous positions among the bins. Differentiable."""
    near, length, count = bins.nearest, bins.farthest - bins.nearest, bins.count
    if bins.spacing == "uniform":
        return near + length * position / count
    if bins.spacing == "log":
        return near * torch.exp(math.log(bins.farthest / near) * position / count)
    return near + length * position * (position + 1) / (count * (count + 1))


def position_of(depth: Float[Tensor, "*shape"], bins: DepthBinsConfig) -> Float[Tensor, "*shape"]:
    """Continuous positions of depths in metres, the inverse of :func:`depth_at`; differentiable.

    Depths before the first bin lie below zero, those behind the last above ``count``; neither is exact where the
    spacing has no depth to give (a depth of zero, for instance, has no logarithm): they lie outside, that is all.
    """
    near, length, count = bins.nearest, bins.farthest - bins.nearest, bins.count
    if bins.spacing == "uniform":
        return (depth - near) * (count / length)
    if bins.spacing == "log":
        return torch.log((depth / near).clamp_min(1e-6)) * (count / math.log(bins.farthest / near))
    scaled = (depth - near) * (count * (count + 1) / length)
    return torch.sqrt((scaled + 0.25).clamp_min(1e-6)) - 0.5


def bin_edges(bins: DepthBinsConfig, device: torch.device | None = None) -> Float[Tensor, " edges"]:
    """The ``count + 1`` depths between which bins lie, metres."""
    return depth_at(torch.arange(bins.count + 1, device=device, dtype=torch.float32), bins)


def bin_centers(bins: DepthBinsConfig, device: torch.device | None = None) -> Float[Tensor, " bins"]:
    """The depth that stands for each bin, metres."""
    return depth_at(torch.arange(bins.count, device=device, dtype=torch.float32) + 0.5, bins)


def bin_index(depth: Float[Tensor, "*shape"], bins: DepthBinsConfig) -> Int64[Tensor, "*shape"]:
    """The bin that holds each depth; -1 for depths outside all bins, for missing ones (zero) and for NaN.

    A depth at an edge belongs to the bin behind it, the farthest depth to the last bin.
    """
    inside = (depth >= bins.nearest) & (depth <= bins.farthest)
    position = torch.where(inside, position_of(depth, bins), torch.zeros_like(depth))
    return torch.where(inside, position.floor().long().clamp(0, bins.count - 1), -1)


def soft_bins(depth: Float[Tensor, "*shape"], bins: DepthBinsConfig) -> Float[Tensor, "*shape bins"]:
    """Each depth as weights of the two bins whose centres lie around it, linear in position; they sum to one.

    Beyond the outermost centres the outermost bin takes all. Depths outside all bins have no weights, only zeros.
    """
    found = bin_index(depth, bins) >= 0
    position = torch.where(found, position_of(depth, bins), torch.zeros_like(depth)) - 0.5
    position = position.clamp(0, bins.count - 1)
    centers = torch.arange(bins.count, device=depth.device, dtype=depth.dtype)
    return (1 - (position[..., None] - centers).abs()).clamp_min(0) * found[..., None]


def expected_depth(
    probability: Float[Tensor, "*lead bins rows columns"], bins: DepthBinsConfig
) -> Float[Tensor, "*lead rows columns"]:
    """The mean of the bins' centres under their probabilities, metres. Differentiable.

    Raises:
        ValueError: probabilities of another number of bins.
    """
    if probability.shape[-3] != bins.count:
        raise ValueError(f"probabilities of {probability.shape[-3]} bins do not fit a config of {bins.count}")
    centers = bin_centers(bins, probability.device).to(probability.dtype)
    return (probability * centers[:, None, None]).sum(dim=-3)
