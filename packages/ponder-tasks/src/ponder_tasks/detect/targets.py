"""What votes and proposals are compared with: which seed lies on which object, and which proposal is near one."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from ponder_data import Batch
from ponder_encoders.set_abstraction import PointLevel
from torch import Tensor

from ponder_tasks.detect.true_boxes import TrueBoxes
from ponder_tasks.detect.votenet import Proposals

NEAR = 0.3
"""Metres: a proposal whose cluster is nearer than this to the centre of an object is of this object."""
FAR = 0.6
"""Metres: a proposal farther than this from every centre is of none. What lies between is not judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteTargets:
    """For each point whether it lies on an object that has a box, and the centre (m) and class of that."""

    on_object: Bool[Tensor, " points"]
    center: Float[Tensor, "points 3"]
    label: Int[Tensor, " points"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalTargets:
    """For each proposal whether it is of an object, whether that is judged, and the row of the nearest true box."""

    is_object: Bool[Tensor, " proposals"]
    judged: Bool[Tensor, " proposals"]
    nearest: Int[Tensor, " proposals"]


def vote_targets(points: PointLevel, batch: Batch, truth: TrueBoxes) -> VoteTargets:
    """Return what points should vote for: the centre of the box of the instance that each is a point of."""
    instance = batch.instance[points.index]
    counts = torch.tensor(points.lengths, device=instance.device)
    scene = torch.repeat_interleave(torch.arange(len(points.lengths), device=instance.device), counts)
    same = (instance[:, None] == truth.instance[None]) & (scene[:, None] == truth.scene[None])
    box = same.to(torch.uint8).argmax(dim=1)
    return VoteTargets(on_object=same.any(dim=1), center=truth.boxes.center[box], label=truth.label[box])


def proposal_targets(proposals: Proposals, truth: TrueBoxes) -> ProposalTargets:
    """Return which proposals are of an object: those whose cluster lies near a true centre of their scene."""
    apart = squared_distances(proposals.position.detach(), proposals.scene(), truth)
    nearest = apart.min(dim=1)
    distance = nearest.values.sqrt()
    is_object = distance < NEAR
    return ProposalTargets(is_object=is_object, judged=is_object | (distance > FAR), nearest=nearest.indices)


def squared_distances(
    position: Float[Tensor, "points 3"], scene: Int[Tensor, " points"], truth: TrueBoxes
) -> Float[Tensor, "points boxes"]:
    """Return squared distances (m²) to the centres of the true boxes; infinite between different scenes."""
    apart = (position[:, None] - truth.boxes.center[None]).square().sum(dim=2)
    return torch.where(scene[:, None] == truth.scene[None], apart, torch.inf)
