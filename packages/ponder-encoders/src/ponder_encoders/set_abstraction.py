"""The two layers of PointNet++ (Qi et al. 2017): from points to fewer seeds, and back by interpolation."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from ponder_encoders.neighbours import farthest_points, nearest_neighbours, points_in_balls
from ponder_encoders.shared_mlp import SharedMlp

# Squared metres: keeps the weight of a point that lies on a seed finite.
_NEARLY_ZERO = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class PointLevel:
    """Packed points of one resolution.

    Attributes:
        positions: in metres.
        features: of each point.
        lengths: points of each scene, as plain numbers.
        index: rows of these points among the points that were encoded.
    """

    positions: Float[Tensor, "points 3"]
    features: Float[Tensor, "points channels"]
    lengths: tuple[int, ...]
    index: Int64[Tensor, " points"]


class SetAbstraction(nn.Module):
    """Farthest points become seeds; each takes the maximum over what a shared MLP makes of the points around it.

    Members of a ball enter with their offset from the seed, divided by the radius, and their features.

    Args:
        inputs: channels of each point.
        widths: of the shared MLP.
        seeds: how many; a scene with fewer points keeps all.
        radius: of the ball, in metres.
        neighbours: members of a ball at most, see :func:`points_in_balls`.
        momentum: share of each batch in the running statistics.
        generator: source of the initial weights.
    """

    def __init__(
        self,
        inputs: int,
        widths: tuple[int, ...],
        *,
        seeds: int,
        radius: float,
        neighbours: int,
        momentum: float = 0.1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.seeds, self.radius, self.neighbours = seeds, radius, neighbours
        self.mlp = SharedMlp(
            3 + inputs, widths, activation=torch.relu, momentum=momentum, generator=generator
        )

    def forward(self, level: PointLevel) -> PointLevel:
        """The level of the seeds; gradients reach features, and positions through the offsets."""
        index, lengths = farthest_points(level.positions, self.seeds, lengths=level.lengths)
        seeds = level.positions.index_select(0, index)
        members = points_in_balls(
            seeds,
            level.positions,
            self.radius,
            self.neighbours,
            query_lengths=lengths,
            point_lengths=level.lengths,
        ).index
        flat = members.flatten()
        offsets = level.positions.index_select(0, flat).view(*members.shape, 3) - seeds[:, None]
        groups = torch.cat([offsets.flatten(0, 1) / self.radius, level.features.index_select(0, flat)], dim=1)
        features = self.mlp(groups).view(*members.shape, -1).amax(dim=1)
        return PointLevel(
            positions=seeds, features=features, lengths=lengths, index=level.index.index_select(0, index)
        )


def interpolate_seeds(
    positions: Float[Tensor, "points 3"],
    lengths: tuple[int, ...],
    seeds: PointLevel,
    power: float = 2.0,
) -> Float[Tensor, "points channels"]:
    """Features at any positions, from the three nearest seeds of the scene: weights ``1 / distance ** power``.

    Weights sum to one; a scene with fewer seeds uses those it has. Gradients reach the seeds' features, not the
    positions.

    Args:
        positions: packed, in metres.
        lengths: positions of each scene.
        seeds: where features are known.
        power: 2 in PointNet++, 1 in VoteNet's code.
    """
    nearest = nearest_neighbours(
        positions, seeds.positions, 3, query_lengths=lengths, point_lengths=seeds.lengths
    )
    with torch.no_grad():
        difference = seeds.positions.index_select(0, nearest.index.flatten()).view(-1, 3, 3)
        squared = (difference - positions[:, None]).square().sum(dim=2)
        weights = squared.clamp_min(_NEARLY_ZERO) ** (-power / 2)
        slots = torch.arange(3, device=weights.device)
        weights = torch.where(slots < nearest.found[:, None], weights, 0)
        weights = weights / weights.sum(dim=1, keepdim=True)
    features = seeds.features.index_select(0, nearest.index.flatten()).view(-1, 3, seeds.features.shape[1])
    return (features * weights.to(features.dtype)[:, :, None]).sum(dim=1)


class FeaturePropagation(nn.Module):
    """Interpolated features of the coarser level, joined with the finer level's own, through a shared MLP.

    Args:
        inputs: channels of the coarser level and of the finer one, added up.
        widths: of the shared MLP.
        power: of the distance, see :func:`interpolate_seeds`.
        momentum: share of each batch in the running statistics.
        generator: source of the initial weights.
    """

    def __init__(
        self,
        inputs: int,
        widths: tuple[int, ...],
        *,
        power: float = 2.0,
        momentum: float = 0.1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.power = power
        self.mlp = SharedMlp(inputs, widths, activation=torch.relu, momentum=momentum, generator=generator)

    def forward(self, finer: PointLevel, coarser: PointLevel) -> PointLevel:
        """The finer level with new features."""
        brought = interpolate_seeds(finer.positions, finer.lengths, coarser, self.power)
        return PointLevel(
            positions=finer.positions,
            features=self.mlp(torch.cat([brought, finer.features], dim=1)),
            lengths=finer.lengths,
            index=finer.index,
        )
