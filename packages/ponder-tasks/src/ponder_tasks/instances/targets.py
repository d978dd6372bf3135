"""What instance segmentation learns from: every point's instance, and the way from the point to its centre."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from ponder_data import Batch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceTargets:
    """The true instances of a batch.

    Attributes:
        instance: of each point, counted from 0 over all scenes of the batch; -1 for points of none.
        to_center: metres from each point to the mean of its instance's points; 0 for points of none.
        sizes: points of each instance.
    """

    instance: Int[Tensor, " points"]
    to_center: Float[Tensor, "points 3"]
    sizes: Int[Tensor, " instances"]


def instance_targets(batch: Batch, things: Bool[Tensor, " classes"]) -> InstanceTargets:
    """Return the instances of the thing classes in ``batch``: all points of one scene, class and instance id."""
    semantic, instance = batch.semantic, batch.instance
    counted = (semantic >= 0) & (instance >= 0) & things[semantic.clamp(min=0)]
    scene = torch.searchsorted(batch.offsets, torch.arange(len(semantic), device=semantic.device), right=True)
    keys = torch.stack([scene, semantic, instance], dim=1)[counted]
    _, of_counted, sizes = torch.unique(keys, dim=0, return_inverse=True, return_counts=True)
    numbered = torch.full_like(semantic, -1)
    numbered[counted] = of_counted
    sums = batch.coord.new_zeros(len(sizes), 3).index_add_(0, of_counted, batch.coord[counted])
    to_center = torch.zeros_like(batch.coord)
    to_center[counted] = (sums / sizes[:, None])[of_counted] - batch.coord[counted]
    return InstanceTargets(instance=numbered, to_center=to_center, sizes=sizes)
