"""Proposals: points of one predicted class that hang together, where they are and where they say their centre is."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt
from torch import Tensor

from ponder_tasks.instances.ball_components import ball_components
from ponder_tasks.instances.point_instances import PointInstances


class GroupingConfig(BaseModel):
    """How points become proposals. The defaults are published for a grid of 2 cm; coarser grids want more and fewer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    radius: PositiveFloat = Field(
        default=0.03, description="metres between neighbours; at least about 1.5 cells of the grid"
    )
    minimum_points: PositiveInt = Field(default=50, description="cells of the grid that make a proposal")
    start: float = Field(
        default=0.5, ge=0, le=1, description="share of the training before proposals are made and scored"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PointPredictions:
    """What the network says of each point, packed.

    Attributes:
        coord: metres.
        to_center: metres from each point to the centre of its instance.
        label: the most likely class.
        offsets: ends of the scenes.
    """

    coord: Float[Tensor, "points 3"]
    to_center: Float[Tensor, "points 3"]
    label: Int[Tensor, " points"]
    offsets: Int[Tensor, " batch"]


def propose(
    points: PointPredictions, things: Bool[Tensor, " classes"], config: GroupingConfig
) -> PointInstances:
    """Return the clusters of every scene and thing class, in both sets of coordinates (PointGroup, Sec. 3.2).

    The original coordinates keep apart what stands apart, the shifted ones also what touches but says different
    centres; where one fails the other may not, and scores and suppression choose later. All on the CPU, without
    gradient; scores are 0.
    """
    coord, label = points.coord.detach().cpu(), points.label.cpu()
    shifted = coord + points.to_center.detach().cpu()
    found: list[Int[Tensor, " members"]] = []
    labels: list[int] = []
    for members in _scenes_and_classes(label, points.offsets.cpu(), things.cpu()):
        for place in (coord, shifted):
            component = ball_components(place[members].double().numpy(), config.radius)
            clusters = _clusters(members, component, config.minimum_points)
            found += clusters
            labels += [int(label[members[0]])] * len(clusters)
    if not found:
        return PointInstances.none()
    return PointInstances(
        point=torch.cat(found),
        offsets=torch.tensor([len(cluster) for cluster in found]).cumsum(0),
        label=torch.tensor(labels),
        score=torch.zeros(len(found)),
    )


def proposal_overlaps(
    proposals: PointInstances, instance: Int[Tensor, " points"], sizes: Int[Tensor, " instances"]
) -> Float[Tensor, " proposals"]:
    """Return each proposal's greatest IoU with a true instance of any class, 0 where there is none.

    Args:
        proposals: on the CPU.
        instance, sizes: as in :class:`~ponder_tasks.instances.targets.InstanceTargets`.
    """
    if len(sizes) == 0 or len(proposals) == 0:
        return torch.zeros(len(proposals))
    shared = proposals.shared_with(instance.cpu(), len(sizes))
    joined = proposals.sizes()[:, None] + sizes.cpu()[None] - shared
    return (shared / joined).amax(dim=1)


def _scenes_and_classes(
    label: Int[Tensor, " points"], offsets: Int[Tensor, " batch"], things: Bool[Tensor, " classes"]
) -> Iterator[Int[Tensor, " members"]]:
    """Yield the points of every thing class that occurs in every scene."""
    start = 0
    for end in offsets.tolist():
        of_scene = label[start:end]
        for value in torch.unique(of_scene).tolist():
            if bool(things[value]):
                yield (of_scene == value).nonzero().squeeze(1) + start
        start = end


def _clusters(
    members: Int[Tensor, " members"], component: Int[np.ndarray, " members"], minimum: int
) -> list[Int[Tensor, " cluster"]]:
    """Return the points of every component that is large enough."""
    order = np.argsort(component, kind="stable")
    pieces = np.split(order, np.cumsum(np.bincount(component))[:-1])
    return [members[torch.from_numpy(piece)] for piece in pieces if len(piece) >= minimum]
