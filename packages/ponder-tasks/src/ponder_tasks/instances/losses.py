"""The losses of instance segmentation: how far and in which direction to the centre, and how good a proposal is."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ponder_tasks.instances.targets import InstanceTargets
from ponder_tasks.segment.losses import SegmentationLossConfig

SHORTEST = 1e-6
"""Metres under which a vector has no direction."""


class InstanceLossConfig(BaseModel):
    """The weight of each loss, and between which overlaps a proposal's score is to rise from 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    semantic: SegmentationLossConfig = SegmentationLossConfig(lovasz=0.0)
    offset: float = Field(default=1.0, ge=0, description="weight of the distance to the true centre")
    direction: float = Field(default=1.0, ge=0, description="weight of the direction to the true centre")
    score: float = Field(default=1.0, ge=0, description="weight of the proposals' scores")
    background_overlap: float = Field(
        default=0.25, ge=0, lt=1, description="IoU up to which a proposal is worth 0"
    )
    foreground_overlap: float = Field(
        default=0.75, gt=0, le=1, description="IoU from which a proposal is worth 1"
    )


def offset_loss(offset: Float[Tensor, "points 3"], targets: InstanceTargets) -> Float[Tensor, ""]:
    """Return the mean L1 distance (m) of predicted offsets from the true ones, over the points of instances.

    ``|o - (c - p)|`` summed over the three axes (PointGroup, Eq. 2). 0, with zero gradient, where there are none.
    """
    counted = targets.instance >= 0
    distance = (offset - targets.to_center).abs().sum(dim=1)
    return torch.where(counted, distance, 0.0).sum() / counted.sum().clamp(min=1)


def direction_loss(offset: Float[Tensor, "points 3"], targets: InstanceTargets) -> Float[Tensor, ""]:
    """Return minus the mean cosine between predicted and true offsets, over the points of instances.

    PointGroup, Eq. 3: it keeps small offsets near a centre from being free to point anywhere. In [-1, 1]; -1 is best.
    Points that lie at their centre have no direction and are left out; 0, with zero gradient, where none is left.
    """
    length = targets.to_center.norm(dim=1)
    counted = (targets.instance >= 0) & (length > SHORTEST)
    cosine = F.cosine_similarity(offset, targets.to_center, dim=1, eps=SHORTEST)
    return -torch.where(counted, cosine, 0.0).sum() / counted.sum().clamp(min=1)


def score_loss(
    logits: Float[Tensor, " proposals"], overlap: Float[Tensor, " proposals"], config: InstanceLossConfig
) -> Float[Tensor, ""]:
    """Return the mean binary cross-entropy of proposals' scores; 0, with zero gradient, of none.

    A proposal whose greatest IoU with a true instance is ``overlap`` is worth 0 up to ``background_overlap``, 1 from
    ``foreground_overlap`` on, and in between what lies on the line (PointGroup, Eq. 5 and 6).
    """
    span = config.foreground_overlap - config.background_overlap
    if span <= 0:
        raise ValueError(
            f"losses.foreground_overlap ({config.foreground_overlap}) must be above losses.background_overlap "
            f"({config.background_overlap})"
        )
    worth = ((overlap - config.background_overlap) / span).clamp(0, 1)
    total = F.binary_cross_entropy_with_logits(logits, worth, reduction="sum")
    return total / max(len(logits), 1)
