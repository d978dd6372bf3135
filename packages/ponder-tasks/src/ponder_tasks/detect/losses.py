"""The losses of VoteNet (Sec. 4.3 and the appendix), each named and weighted.

Means are over the seeds (proposals) that a term is about; where there are none the term is 0 with zero gradient.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from ponder_render.losses import Losses, LossTerm
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ponder_tasks.detect.headings import HeadingBins
from ponder_tasks.detect.targets import ProposalTargets, VoteTargets, squared_distances
from ponder_tasks.detect.true_boxes import NO_SCENE, TrueBoxes
from ponder_tasks.detect.votenet import Proposals

OBJECTNESS_WEIGHTS = (0.2, 0.8)
"""Of "no object" and "an object": most proposals are of none."""


class DetectionLossConfig(BaseModel):
    """The weight of each loss; the defaults are the paper's. A loss of weight 0 is not computed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vote: float = Field(default=1.0, ge=0, description="weight of the distance of votes from the centres")
    objectness: float = Field(default=0.5, ge=0, description="weight of telling objects from nothing")
    center: float = Field(default=1.0, ge=0, description="weight of the distance between centres, both ways")
    heading_class: float = Field(default=0.1, ge=0, description="weight of the heading's bin")
    heading_rest: float = Field(default=1.0, ge=0, description="weight of the heading within its bin")
    size_class: float = Field(default=0.1, ge=0, description="weight of the class of the size")
    size_rest: float = Field(default=1.0, ge=0, description="weight of the size beside its class's mean")
    semantic: float = Field(default=0.1, ge=0, description="weight of the class")
    seed_class: float = Field(
        default=1.0, ge=0, description="weight of the class of each point, where votenet.seed_classes is set"
    )


def detection_losses(
    proposals: Proposals,
    truth: TrueBoxes,
    votes: VoteTargets,
    assigned: ProposalTargets,
    *,
    headings: HeadingBins,
    mean_sizes: Float[Tensor, "classes 3"],
    config: DetectionLossConfig,
    points: VoteTargets | None = None,
) -> Losses:
    """Return every loss that ``config`` gives a weight.

    Args:
        proposals: what the network says.
        truth: the boxes.
        votes: of the seeds.
        assigned: of the proposals.
        headings, mean_sizes: how headings and sizes are put into numbers.
        config: the weights.
        points: of all points, wanted where these say their class.

    Raises:
        ValueError: when no loss has a weight.
    """
    computed = {
        "vote": lambda: vote_loss(proposals, votes),
        "objectness": lambda: objectness_loss(proposals, assigned),
        "center": lambda: center_loss(proposals, truth, assigned),
        "heading_class": lambda: heading_losses(proposals, truth, assigned, headings)[0],
        "heading_rest": lambda: heading_losses(proposals, truth, assigned, headings)[1],
        "size_class": lambda: size_class_loss(proposals, truth, assigned),
        "size_rest": lambda: size_rest_loss(proposals, truth, assigned, mean_sizes),
        "semantic": lambda: semantic_loss(proposals, truth, assigned),
    }
    if points is not None:
        computed["seed_class"] = lambda: point_class_loss(proposals, points)
    weights = {name: float(getattr(config, name)) for name in computed}
    terms = tuple(
        LossTerm(name=name, value=computed[name](), weight=weight)
        for name, weight in weights.items()
        if weight > 0
    )
    if not terms:
        raise ValueError(
            f"every detection loss has weight 0 ({', '.join(weights)}); give at least one a weight"
        )
    return Losses(terms=terms)


def vote_loss(proposals: Proposals, votes: VoteTargets) -> Float[Tensor, ""]:
    """Return the mean L1 distance (m) from the votes of seeds on objects to the centres of these."""
    apart = (proposals.votes - votes.center).abs().sum(dim=1)
    return _mean_where(votes.on_object, apart)


def objectness_loss(proposals: Proposals, assigned: ProposalTargets) -> Float[Tensor, ""]:
    """Return the weighted cross-entropy of "an object here" over the proposals that are judged."""
    weights = proposals.objectness.new_tensor(OBJECTNESS_WEIGHTS)
    each = F.cross_entropy(proposals.objectness, assigned.is_object.long(), weight=weights, reduction="none")
    return _mean_where(assigned.judged, each)


def center_loss(proposals: Proposals, truth: TrueBoxes, assigned: ProposalTargets) -> Float[Tensor, ""]:
    """Return the Chamfer distance (m²): from proposals of objects to true centres, and from those to any proposal."""
    apart = squared_distances(proposals.center, proposals.scene(), truth)
    there = _mean_where(assigned.is_object, apart.amin(dim=1))
    back = _mean_where(truth.scene != NO_SCENE, apart.amin(dim=0))
    return there + back


def heading_losses(
    proposals: Proposals, truth: TrueBoxes, assigned: ProposalTargets, headings: HeadingBins
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Return the cross-entropy of the bin, and the Huber loss of the rest in the true bin (half widths)."""
    index, rest = headings.encode(truth.boxes.heading[assigned.nearest])
    bins = F.cross_entropy(proposals.heading_score, index, reduction="none")
    given = proposals.heading_rest.gather(1, index[:, None])[:, 0]
    rests = F.huber_loss(given, rest, reduction="none")
    return _mean_where(assigned.is_object, bins), _mean_where(assigned.is_object, rests)


def size_class_loss(proposals: Proposals, truth: TrueBoxes, assigned: ProposalTargets) -> Float[Tensor, ""]:
    """Return the cross-entropy of the class of the size."""
    each = F.cross_entropy(proposals.size_score, truth.label[assigned.nearest], reduction="none")
    return _mean_where(assigned.is_object, each)


def size_rest_loss(
    proposals: Proposals,
    truth: TrueBoxes,
    assigned: ProposalTargets,
    mean_sizes: Float[Tensor, "classes 3"],
) -> Float[Tensor, ""]:
    """Return the Huber loss of the rest of the size in the true class (mean sizes), the mean over the three axes."""
    label = truth.label[assigned.nearest]
    wanted = truth.boxes.size[assigned.nearest] / mean_sizes[label] - 1.0
    rows = torch.arange(label.shape[0], device=label.device)
    each = F.huber_loss(proposals.size_rest[rows, label], wanted, reduction="none").mean(dim=1)
    return _mean_where(assigned.is_object, each)


def semantic_loss(proposals: Proposals, truth: TrueBoxes, assigned: ProposalTargets) -> Float[Tensor, ""]:
    """Return the cross-entropy of the class."""
    each = F.cross_entropy(proposals.class_score, truth.label[assigned.nearest], reduction="none")
    return _mean_where(assigned.is_object, each)


def point_class_loss(proposals: Proposals, points: VoteTargets) -> Float[Tensor, ""]:
    """Return the cross-entropy of the class of every point; the last class is that of points on no object.

    Raises:
        ValueError: when the points say no class.
    """
    if proposals.point_score is None:
        raise ValueError(
            "the proposals come from a VoteNet whose points say no class; set votenet.seed_classes"
        )
    nothing = proposals.point_score.shape[1] - 1
    return F.cross_entropy(proposals.point_score, torch.where(points.on_object, points.label, nothing))


def _mean_where(counted: Bool[Tensor, " rows"], values: Float[Tensor, " rows"]) -> Float[Tensor, ""]:
    """Return the mean of the counted values; 0 of none. What is not counted may be infinite."""
    return torch.where(counted, values, 0.0).sum() / counted.sum().clamp_min(1)
