"""Deformable attention (Zhu et al. 2021) in a feature volume: each query looks at a few places around its own."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


def sample_volume(
    value: Float[Tensor, "batch heads channels X Y Z"],
    place: Float[Tensor, "batch queries heads places 3"],
    weight: Float[Tensor, "batch queries heads places"],
) -> Float[Tensor, "batch queries heads*channels"]:
    """``out[b, q, h] = sum_p weight[b, q, h, p] * value[b, h](place[b, q, h, p])``, trilinear, zero outside.

    Differentiable (first order) in everything.

    Args:
        value: what to sample, for each head.
        place: along x, y and z as shares of the volume: 0 its lower side, 1 its upper.
        weight: of each place.
    """
    batch, queries, heads, places = weight.shape
    # grid_sample names the axes of (D, H, W) = (X, Y, Z) from the last.
    grid = (2 * place - 1).flip(-1).transpose(1, 2).reshape(batch * heads, queries, places, 1, 3)
    sampled = F.grid_sample(
        value.flatten(0, 1), grid, mode="bilinear", padding_mode="zeros", align_corners=False
    )  # batch*heads channels queries places 1
    weights = weight.transpose(1, 2).reshape(batch * heads, 1, queries, places)
    mixed = (sampled[..., 0] * weights).sum(dim=3).unflatten(0, (batch, heads))
    return mixed.permute(0, 3, 1, 2).flatten(2)


class VolumeAttention(nn.Module):
    """From queries and their reference points, what the volume holds at learned places around these.

    At first every head looks in a direction of its own, one cell farther with each place, and all count the same.

    Args:
        channels: of queries and volume.
        heads: of attention; must divide the channels.
        places: of each head.
    """

    def __init__(self, channels: int, *, heads: int, places: int) -> None:
        super().__init__()
        self.heads, self.places = heads, places
        self.value = nn.Conv3d(channels, channels, 1)
        self.offsets = nn.Linear(channels, heads * places * 3)
        self.weights = nn.Linear(channels, heads * places)
        self.output = nn.Linear(channels, channels)
        for layer in (self.offsets, self.weights):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.offsets.bias.copy_(self._directions().flatten())

    def _directions(self) -> Float[Tensor, "heads places 3"]:
        angle = torch.arange(self.heads, dtype=torch.float32) * (2 * torch.pi / self.heads)
        direction = torch.stack((angle.cos(), angle.sin(), torch.zeros_like(angle)), dim=1)
        direction = direction / direction.abs().amax(dim=1, keepdim=True)
        return direction[:, None] * torch.arange(1, self.places + 1, dtype=torch.float32)[:, None]

    def forward(
        self,
        query: Float[Tensor, "batch queries channels"],
        reference: Float[Tensor, "batch queries 3"],
        volume: Float[Tensor, "batch channels X Y Z"],
    ) -> Float[Tensor, "batch queries channels"]:
        """Look around ``reference`` (shares of the volume). Offsets count in cells."""
        value = self.value(volume).float().unflatten(1, (self.heads, -1))
        cells = reference.new_tensor(volume.shape[2:])
        offset = self.offsets(query).float().unflatten(2, (self.heads, self.places, 3)) / cells
        weight = self.weights(query).float().unflatten(2, (self.heads, self.places)).softmax(dim=3)
        return self.output(sample_volume(value, reference[:, :, None, None] + offset, weight))
