"""Instances as sets of points: what is proposed, what is predicted, and what the metric judges."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class PointInstances:
    """Packed sets of rows of a cloud, which may overlap: instance ``i`` is ``point[offsets[i - 1] : offsets[i]]``.

    Attributes:
        point: rows of the cloud; no row comes twice in one instance.
        offsets: cumulative number of points; the last is the total.
        label: class of each instance.
        score: how sure each is; more is surer.

    Raises:
        ValueError: when the fields do not fit each other.
    """

    point: Int[Tensor, " members"]
    offsets: Int[Tensor, " instances"]
    label: Int[Tensor, " instances"]
    score: Float[Tensor, " instances"]

    def __post_init__(self) -> None:
        lengths = (self.offsets.shape[0], self.label.shape[0], self.score.shape[0])
        total = int(self.offsets[-1]) if lengths[0] else 0
        if len(set(lengths)) > 1 or total != self.point.shape[0]:
            raise ValueError(
                f"point instances: offsets, label and score have {lengths} rows and must have one each per "
                f"instance; the last offset is {total} and must be the number of points, {self.point.shape[0]}"
            )

    def __len__(self) -> int:
        return self.offsets.shape[0]

    @classmethod
    def none(cls) -> "PointInstances":
        """No instance at all."""
        empty = torch.empty(0, dtype=torch.int64)
        return cls(point=empty, offsets=empty, label=empty, score=torch.empty(0))

    def sizes(self) -> Int[Tensor, " instances"]:
        """Return the number of points of each."""
        return torch.diff(self.offsets, prepend=self.offsets.new_zeros(1))

    def owner(self) -> Int[Tensor, " members"]:
        """Return, for every entry of ``point``, the instance it belongs to."""
        return torch.repeat_interleave(torch.arange(len(self), device=self.point.device), self.sizes())

    def select(self, index: Int[Tensor, " kept"]) -> "PointInstances":
        """Return the instances in ``index``, in that order."""
        sizes = self.sizes()[index]
        return PointInstances(
            point=self.point[_ranges(self.offsets[index] - sizes, sizes)],
            offsets=sizes.cumsum(0),
            label=self.label[index],
            score=self.score[index],
        )

    def scored(self, score: Float[Tensor, " instances"]) -> "PointInstances":
        """Return the same instances with another score."""
        return replace(self, score=score)

    def spread(self, inverse: Int[Tensor, " points"]) -> "PointInstances":
        """Return instances of cells as instances of points, where ``inverse`` gives each point's cell."""
        cells = int(
            max(int(inverse.max()) if len(inverse) else -1, int(self.point.max()) if len(self.point) else -1)
        )
        order = torch.argsort(inverse, stable=True)
        count = torch.bincount(inverse, minlength=cells + 1)
        start = count.cumsum(0) - count
        size = count[self.point]
        total = torch.cat([size.new_zeros(1), size.cumsum(0)])
        return replace(self, point=order[_ranges(start[self.point], size)], offsets=total[self.offsets])

    def shared_with(self, group: Int[Tensor, " points"], groups: int) -> Int[Tensor, "instances groups"]:
        """Return how many points each instance has of each group; ``group`` is -1 for points of none."""
        of_member = group[self.point]
        grouped = of_member >= 0
        cell = self.owner()[grouped] * groups + of_member[grouped]
        return torch.bincount(cell, minlength=len(self) * groups).view(len(self), groups)


def _ranges(start: Int[Tensor, " ranges"], length: Int[Tensor, " ranges"]) -> Int[Tensor, " total"]:
    """Return ``start[0], start[0] + 1, ...`` for ``length[0]`` numbers, then those of the next range."""
    ends = length.cumsum(0)
    within = torch.arange(int(length.sum()), device=start.device)
    return within + torch.repeat_interleave(start - (ends - length), length)
