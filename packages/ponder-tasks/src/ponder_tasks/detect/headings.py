"""Headings as a bin and a rest, as VoteNet predicts them: a class first, and a small correction to it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadingBins:
    """``bins`` equal bins over ``period`` radians; bin 0 is centred on heading 0.

    With a period of half a turn, a box and the same box turned round are one: they fill the same space, and whether
    a table looks east or west nobody can see.
    """

    bins: int
    period: float

    @property
    def half_width(self) -> float:
        """Half the width of a bin, radians: what a rest of 1 stands for."""
        return 0.5 * self.period / self.bins

    def encode(
        self, heading: Float[Tensor, "*boxes"]
    ) -> tuple[Int[Tensor, "*boxes"], Float[Tensor, "*boxes"]]:
        """Return the bin of each heading, and the rest in units of :attr:`half_width`, in [-1, 1]."""
        width = 2.0 * self.half_width
        shifted = torch.remainder(heading + self.half_width, self.period)
        # Rounding may bring a remainder up to the period itself.
        index = (shifted / width).long().clamp_max(self.bins - 1)
        return index, (shifted - (index.to(shifted) + 0.5) * width) / self.half_width

    def decode(self, index: Int[Tensor, "*boxes"], rest: Float[Tensor, "*boxes"]) -> Float[Tensor, "*boxes"]:
        """Return headings in radians, in [-pi, pi)."""
        heading = (2.0 * index.to(rest) + rest) * self.half_width
        return torch.remainder(heading + torch.pi, 2.0 * torch.pi) - torch.pi
