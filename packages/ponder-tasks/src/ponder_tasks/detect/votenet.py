"""VoteNet behind its backbone: seeds vote for the centres of objects, and clusters of votes propose boxes.

Every seed (a point with a feature) says where it believes the centre of its object to be, and brings along a feature of
it. Votes of one object meet at its centre, though no sensor ever sees a point there; farthest votes are chosen, each
gathers the votes around it, and what they say together becomes one proposal (Qi et al., ICCV 2019, Sec. 4).
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from ponder_encoders.set_abstraction import PointLevel, SetAbstraction
from ponder_encoders.shared_mlp import SharedMlp
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from ponder_tasks.boxes.oriented_boxes import OrientedBoxes
from ponder_tasks.detect.headings import HeadingBins
from ponder_tasks.detect.seeds import even_seeds, likely_seeds, take_points
from ponder_tasks.output_layer import OutputLayer

SMALLEST_SIZE = 0.01
"""Metres: no decoded box is thinner."""


class VoteNetConfig(BaseModel):
    """Sizes of a :class:`VoteNet`. The defaults are the paper's, for whole rooms."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seeds: PositiveInt = Field(
        default=1024,
        description="points of each scene that vote, chosen by farthest points; a PointNet++ offers so many at most",
    )
    proposals: PositiveInt = Field(default=256, description="clusters of votes in each scene")
    radius: PositiveFloat = Field(default=0.3, description="of a cluster, metres")
    neighbours: PositiveInt = Field(default=16, description="votes of a cluster, at most")
    channels: PositiveInt = Field(default=128, description="of the layers that make a proposal")
    heading_bins: PositiveInt = Field(default=12, description="over the heading's period")
    heading_period: Literal["turn", "half-turn"] = Field(
        default="turn",
        description="after which a heading counts as the same: half a turn leaves a box where it was",
    )
    seed_classes: bool = Field(
        default=False,
        description="let every point say its class too, and only those vote that say they lie on an object, which the "
        "paper does not do: for rooms seen whole, of which walls and floors are the larger part, and for short runs",
    )
    norm_momentum: float = Field(
        default=0.1, gt=0, le=1, description="share of each batch in the running statistics"
    )

    def headings(self) -> HeadingBins:
        """Return how headings are put into bins."""
        turns = 1.0 if self.heading_period == "turn" else 0.5
        return HeadingBins(bins=self.heading_bins, period=2.0 * math.pi * turns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposals:
    """What a :class:`VoteNet` says of a batch, before anything is chosen.

    Attributes:
        seeds: the points that vote.
        votes: where each seed believes the centre of its object, metres.
        position: of each proposal's cluster, a vote, metres.
        lengths: proposals of each scene.
        objectness: scores of "no object here" and "an object here".
        center: metres.
        heading_score, heading_rest: of each heading bin; rests in half widths of a bin.
        size_score, size_rest: of each class of sizes, one for every class of objects; rests in mean sizes.
        class_score: of each class.
        point_score: of each class, and of none, for each point, not only for seeds; None without
            ``config.seed_classes``.
    """

    seeds: PointLevel
    votes: Float[Tensor, "seeds 3"]
    position: Float[Tensor, "proposals 3"]
    lengths: tuple[int, ...]
    objectness: Float[Tensor, "proposals 2"]
    center: Float[Tensor, "proposals 3"]
    heading_score: Float[Tensor, "proposals bins"]
    heading_rest: Float[Tensor, "proposals bins"]
    size_score: Float[Tensor, "proposals classes"]
    size_rest: Float[Tensor, "proposals classes 3"]
    class_score: Float[Tensor, "proposals classes"]
    point_score: Float[Tensor, "points kinds"] | None = None

    def scene(self) -> Int[Tensor, " proposals"]:
        """Return the scene of each proposal."""
        counts = torch.tensor(self.lengths, device=self.center.device)
        return torch.repeat_interleave(torch.arange(len(self.lengths), device=self.center.device), counts)

    def boxes(self, headings: HeadingBins, mean_sizes: Float[Tensor, "classes 3"]) -> OrientedBoxes:
        """Return each proposal's box: its best heading bin and size class, corrected by the rest of these."""
        rows = torch.arange(self.center.shape[0], device=self.center.device)
        heading, size = self.heading_score.argmax(dim=1), self.size_score.argmax(dim=1)
        return OrientedBoxes(
            center=self.center,
            size=(mean_sizes[size] * (1.0 + self.size_rest[rows, size])).clamp_min(SMALLEST_SIZE),
            heading=headings.decode(heading, self.heading_rest[rows, heading]),
        )


class Voting(nn.Module):
    """Each seed's vote: a step to the centre of its object, and a correction to its feature (Sec. 4.1)."""

    def __init__(self, channels: int, momentum: float) -> None:
        super().__init__()
        self.mlp = SharedMlp(channels, (channels, channels), activation=torch.relu, momentum=momentum)
        # Votes start where their seeds are, not half a metre off at random.
        self.step = OutputLayer(channels, 3, zero=True)
        self.correction = OutputLayer(channels, channels)

    def forward(self, seeds: PointLevel) -> PointLevel:
        """Return the votes, in the order of the seeds; their features have length 1."""
        found = self.mlp(seeds.features)
        return PointLevel(
            positions=seeds.positions + self.step(found),
            features=nn.functional.normalize(seeds.features + self.correction(found), dim=1),
            lengths=seeds.lengths,
            index=seeds.index,
        )


class VoteNet(nn.Module):
    """Votes of seeds and proposals of boxes.

    Args:
        inputs: channels of the points' features.
        classes: how many kinds of objects there are.
        config: the sizes.
    """

    def __init__(self, inputs: int, classes: int, config: VoteNetConfig) -> None:
        super().__init__()
        self.config, self.classes = config, classes
        momentum, width = config.norm_momentum, config.channels
        self.voting = Voting(inputs, momentum)
        self.aggregation = SetAbstraction(
            inputs,
            (width, width, width),
            seeds=config.proposals,
            radius=config.radius,
            neighbours=config.neighbours,
            momentum=momentum,
        )
        self.mlp = SharedMlp(width, (width, width), activation=torch.relu, momentum=momentum)
        self._parts = (2, 3, config.heading_bins, config.heading_bins, classes, 3 * classes, classes)
        self.out = OutputLayer(width, sum(self._parts))
        self.point_classes = nn.Linear(inputs, classes + 1) if config.seed_classes else None

    def forward(self, points: PointLevel) -> Proposals:
        """Return the proposals of all scenes; gradients reach the points' features and all parameters."""
        score = None if self.point_classes is None else self.point_classes(points.features)
        count = self.config.seeds
        rows = even_seeds(points, count) if score is None else likely_seeds(points, score, count)
        seeds = take_points(points, rows, count)
        votes = self.voting(seeds)
        clusters = self.aggregation(votes)
        parts = self.out(self.mlp(clusters.features)).split(self._parts, dim=1)
        objectness, step, heading_score, heading_rest, size_score, size_rest, class_score = parts
        return Proposals(
            seeds=seeds,
            votes=votes.positions,
            position=clusters.positions,
            lengths=clusters.lengths,
            objectness=objectness,
            center=clusters.positions + step,
            heading_score=heading_score,
            heading_rest=heading_rest,
            size_score=size_score,
            size_rest=size_rest.unflatten(1, (self.classes, 3)),
            class_score=class_score,
            point_score=score,
        )
