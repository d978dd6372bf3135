"""Auto-contrast: each colour channel stretched until it fills [0, 1]."""

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor


class AutoContrastConfig(BaseModel):
    """How often, and how far, colours are stretched. Off by default; indoor recipes use 0.2."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    probability: float = Field(default=0.0, ge=0, le=1, description="share of the scenes that are stretched")
    blend: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="0 leaves the colours, 1 replaces them by the stretched ones; drawn uniformly if not given",
    )


def stretch_channels(
    color: Float[Tensor, "*shape 3"], lower: Float[Tensor, "3"], upper: Float[Tensor, "3"], blend: float
) -> Float[Tensor, "*shape 3"]:
    """Return ``(1 - blend) c + blend (c - lower) / (upper - lower)`` per channel; a channel without spread stays."""
    spread = upper - lower
    stretched = (color - lower) / torch.where(spread > 0, spread, torch.ones_like(spread))
    return torch.where(spread > 0, color + blend * (stretched - color), color)
