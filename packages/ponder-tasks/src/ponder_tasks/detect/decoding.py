"""From proposals to detections: which proposals are believed, and how sure each is of each class."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt
from torch import Tensor

from ponder_tasks.boxes.corners import points_inside
from ponder_tasks.boxes.oriented_boxes import OrientedBoxes
from ponder_tasks.boxes.rotated_iou import iou_3d
from ponder_tasks.boxes.suppression import suppress_overlapping
from ponder_tasks.detect.headings import HeadingBins
from ponder_tasks.detect.votenet import Proposals
from ponder_tasks.metrics.detection import Detections


class DecodingConfig(BaseModel):
    """Which proposals become detections; the defaults are those of VoteNet's evaluation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    least_objectness: float = Field(default=0.05, ge=0, le=1, description="probability of an object")
    overlap: float = Field(
        default=0.25, ge=0, le=1, description="3D IoU above which the less sure of two boxes of a class goes"
    )
    least_points: NonNegativeInt = Field(default=5, description="input points in a box, at least")
    every_class: bool = Field(
        default=True,
        description="count each box for every class, as sure as its class is likely; False: for the likeliest only",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifiedBoxes:
    """The boxes believed in one scene, with the probability that each is an object, and of each class given that."""

    boxes: OrientedBoxes
    objectness: Float[Tensor, " boxes"]
    class_probability: Float[Tensor, "boxes classes"]

    def to(self, device: torch.device | str) -> "ClassifiedBoxes":
        """Return the boxes on ``device``."""
        return ClassifiedBoxes(
            boxes=self.boxes.to(device),
            objectness=self.objectness.to(device),
            class_probability=self.class_probability.to(device),
        )

    def detections(self, *, every_class: bool) -> Detections:
        """Return the boxes as detections, by falling score.

        Args:
            every_class: each box once for every class, with the probability of an object of this class; otherwise
                once, for its likeliest class, with the probability of an object.
        """
        if not every_class:
            label, score, row = self.class_probability.argmax(dim=1), self.objectness, None
        else:
            boxes, classes = self.class_probability.shape
            row = torch.arange(boxes, device=self.objectness.device).repeat_interleave(classes)
            label = torch.arange(classes, device=self.objectness.device).repeat(boxes)
            score = (self.objectness[:, None] * self.class_probability).flatten()
        order = torch.sort(score, descending=True, stable=True).indices
        return Detections(
            boxes=self.boxes.take(order if row is None else row[order]),
            label=label[order],
            score=score[order],
        )


@torch.no_grad()
def believed_boxes(
    proposals: Proposals,
    coord: Float[Tensor, "points 3"],
    *,
    headings: HeadingBins,
    mean_sizes: Float[Tensor, "classes 3"],
    config: DecodingConfig,
) -> ClassifiedBoxes:
    """Return the boxes believed in the only scene of ``proposals``, whose input points are ``coord``.

    A proposal goes where it hardly holds points, is hardly an object, or overlaps a surer one of its likeliest class.
    """
    boxes = proposals.boxes(headings, mean_sizes)
    objectness = proposals.objectness.softmax(dim=1)[:, 1]
    classes = proposals.class_score.softmax(dim=1)
    points = points_inside(coord, boxes).sum(dim=1)
    believed = torch.nonzero(
        (objectness > config.least_objectness) & (points >= config.least_points)
    ).flatten()
    kept = believed[_best(boxes, objectness, classes.argmax(dim=1), believed, config.overlap)]
    return ClassifiedBoxes(
        boxes=boxes.take(kept), objectness=objectness[kept], class_probability=classes[kept]
    )


def _best(
    boxes: OrientedBoxes,
    objectness: Float[Tensor, " boxes"],
    label: Int[Tensor, " boxes"],
    believed: Int[Tensor, " believed"],
    overlap: float,
) -> Int[Tensor, " kept"]:
    return suppress_overlapping(
        boxes.take(believed), objectness[believed], overlap, overlap=iou_3d, labels=label[believed]
    )
