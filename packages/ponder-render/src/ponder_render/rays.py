"""Rays, samples on them, and what comes out of rendering: the dataclasses between the renderer's stages."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class RayBundle:
    """Half-lines ``origin + t * direction`` in world metres; ``volume_index`` names each ray's volume."""

    origin: Float[Tensor, "rays 3"]
    direction: Float[Tensor, "rays 3"]
    volume_index: Int[Tensor, " rays"]

    def __len__(self) -> int:
        return self.origin.shape[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Intervals along rays: each ray has the same number, sorted, in metres.

    Attributes:
        start, end: the intervals; one ends where the next starts, the last at the far side of the ray's box.
        distance: where in each interval the field is evaluated, ``start <= distance <= end``.
        valid: False for rays that miss their volume; their intervals have zero length.
        skipped: True where the field is not evaluated, because space is known to be empty there; None: it
            is evaluated everywhere.
    """

    start: Float[Tensor, "rays samples"]
    end: Float[Tensor, "rays samples"]
    distance: Float[Tensor, "rays samples"]
    valid: Bool[Tensor, " rays"]
    skipped: Bool[Tensor, "rays samples"] | None = None

    @property
    def middle(self) -> Float[Tensor, "rays samples"]:
        """The middles of the intervals: the ``t_j`` of Eq. 6."""
        return 0.5 * (self.start + self.end)

    @property
    def evaluated(self) -> Bool[Tensor, "rays samples"]:
        """Samples that count: of rays that cross their volume, and not skipped."""
        valid = self.valid[:, None].expand_as(self.distance)
        return valid if self.skipped is None else valid & ~self.skipped

    def packed(self) -> "PackedSamples":
        """The evaluated samples alone."""
        evaluated = self.evaluated
        return PackedSamples(
            ray_indices=evaluated.nonzero()[:, 0],
            start=self.start[evaluated],
            end=self.end[evaluated],
            distance=self.distance[evaluated],
            offsets=evaluated.sum(dim=1).cumsum(0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedSamples:
    """Intervals along rays, each ray with as many as it needs, one ray after the other.

    Attributes:
        ray_indices: the ray of each sample, ascending.
        start, end: the intervals, sorted along each ray. There may be gaps between them.
        distance: where in each interval the field is evaluated.
        offsets: cumulative number of samples per ray: ray ``r`` owns ``offsets[r - 1]`` to ``offsets[r]``.
    """

    ray_indices: Int[Tensor, " samples"]
    start: Float[Tensor, " samples"]
    end: Float[Tensor, " samples"]
    distance: Float[Tensor, " samples"]
    offsets: Int[Tensor, " rays"]

    def __len__(self) -> int:
        return self.ray_indices.shape[0]

    @property
    def middle(self) -> Float[Tensor, " samples"]:
        """The middles of the intervals: the ``t_j`` of Eq. 6."""
        return 0.5 * (self.start + self.end)

    @property
    def count(self) -> Int[Tensor, " rays"]:
        """Samples of each ray."""
        return torch.diff(self.offsets, prepend=self.offsets.new_zeros(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldValues:
    """What the field says at each sample (Eq. 4, 5). Semantics (Eq. 9) are known of whole rays alone.

    Attributes:
        sdf: signed distance in metres, positive in free space; the diagonal of the box at skipped samples.
        gradient: d sdf / d p in world units (unitless where the SDF is exact); the normal before
            normalisation. Zero, like colour, at skipped samples.
        color: in [0, 1]; None: the field has no colour.
    """

    sdf: Float[Tensor, "rays samples"]
    gradient: Float[Tensor, "rays samples 3"]
    color: Float[Tensor, "rays samples 3"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """Composited rays (Eq. 6) and the samples they came from, which the geometric losses need.

    ``distance`` is metres along the ray; ``opacity`` is the sum of the weights.
    """

    color: Float[Tensor, "rays 3"] | None
    distance: Float[Tensor, " rays"]
    normal: Float[Tensor, "rays 3"]
    semantic: Float[Tensor, "rays channels"] | None
    opacity: Float[Tensor, " rays"]
    weights: Float[Tensor, "rays samples"]
    samples: Samples
    values: FieldValues
