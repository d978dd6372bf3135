"""Deformable attention (Zhu et al. 2021) over one feature map: few learned places instead of all."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn


def sample_deformable(
    value: Float[Tensor, "heads channels rows columns"],
    location: Float[Tensor, "queries heads places 2"],
    weight: Float[Tensor, "queries heads places"],
) -> Float[Tensor, "queries heads*channels"]:
    """``out[q, h] = sum_p weight[q, h, p] * value[h](location[q, h, p])``, bilinear, with zeros around the map.

    Differentiable (first order) in everything.

    Args:
        value: what to sample, for each head.
        location: column and row, the centre of cell ``i`` at ``i``.
        weight: of each place.
    """
    size = location.new_tensor((value.shape[3], value.shape[2]))
    grid = (location + 0.5) * (2 / size) - 1
    sampled = F.grid_sample(
        value, grid.transpose(0, 1), mode="bilinear", padding_mode="zeros", align_corners=False
    )  # heads channels queries places
    return (sampled * weight.transpose(0, 1)[:, None]).sum(dim=3).permute(2, 0, 1).flatten(1)


class DeformablePlaces(nn.Module):
    """From a query, the places where each head looks around its reference points, and how much each counts.

    At first every head looks in its own direction, one cell farther with each place, and all places count the same.

    Args:
        channels: of the queries.
        heads: of attention.
        heights: reference points of a query.
        points: places around each reference point, for each head.
    """

    def __init__(self, channels: int, *, heads: int, heights: int, points: int) -> None:
        super().__init__()
        self.shape = (heads, heights, points)
        self.offsets = nn.Linear(channels, heads * heights * points * 2)
        self.weights = nn.Linear(channels, heads * heights * points)
        for layer in (self.offsets, self.weights):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.offsets.bias.copy_(self._directions().flatten())

    def _directions(self) -> Float[Tensor, "heads heights points 2"]:
        heads, heights, points = self.shape
        angle = torch.arange(heads, dtype=torch.float32) * (2 * math.pi / heads)
        direction = torch.stack((angle.cos(), angle.sin()), dim=1)
        direction = direction / direction.abs().amax(dim=1, keepdim=True)
        steps = torch.arange(1, points + 1, dtype=torch.float32)
        return (direction[:, None, :] * steps[:, None])[:, None].expand(heads, heights, points, 2)

    def forward(
        self,
        query: Float[Tensor, "queries channels"],
        reference: Float[Tensor, "queries heights 2"],
        seen: Bool[Tensor, "queries heights"],
    ) -> tuple[Float[Tensor, "queries heads places 2"], Float[Tensor, "queries heads places"]]:
        """Locations in feature cells, and weights that sum to one over the places around the points that are seen.

        Args:
            query: what looks.
            reference: column and row of each reference point.
            seen: one point of each query at least; places around the others have no weight.
        """
        offset = self.offsets(query).to(reference.dtype).unflatten(1, (*self.shape, 2))
        location = reference[:, None, :, None] + offset
        logits = self.weights(query).to(reference.dtype).unflatten(1, self.shape)
        logits = logits.masked_fill(~seen[:, None, :, None], -torch.inf)
        return location.flatten(2, 3), logits.flatten(2).softmax(dim=2)
