"""Boxes of a driving scene: geometry, velocity over ground, class and attribute; and those that a detector believes."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from ponder_data import PackedBoxes
from ponder_data.scene import IGNORE_LABEL, Boxes
from ponder_encoders.image.voxel_grid import VoxelGrid
from torch import Tensor

from ponder_tasks.boxes.oriented_boxes import OrientedBoxes


@dataclass(frozen=True, slots=True, kw_only=True)
class DrivingBoxes:
    """Boxes of one scene in its LiDAR's frame.

    Attributes:
        geometry: centres, sizes (length, width, height) and headings.
        velocity: along x and y, m/s; NaN where unknown.
        label: index of ``ponder_data.nuscenes.classes.NUSCENES_DETECTION_CLASSES``.
        attribute: index of ``NUSCENES_ATTRIBUTES``; -1 where there is none.
    """

    geometry: OrientedBoxes
    velocity: Float[Tensor, "boxes 2"]
    label: Int[Tensor, " boxes"]
    attribute: Int[Tensor, " boxes"]

    def __len__(self) -> int:
        return len(self.geometry)

    @classmethod
    def of_scene(cls, boxes: Boxes) -> "DrivingBoxes":
        """Return the boxes of a scene; what it does not know is NaN or -1."""
        velocity = boxes.velocity
        attribute = boxes.attribute
        return cls(
            geometry=OrientedBoxes.of_scene(boxes),
            velocity=torch.full_like(boxes.center[:, :2], torch.nan) if velocity is None else velocity[:, :2],
            label=boxes.label,
            attribute=torch.full_like(boxes.label, IGNORE_LABEL) if attribute is None else attribute,
        )

    def take(self, index: Int[Tensor, " kept"] | Bool[Tensor, " boxes"]) -> "DrivingBoxes":
        """Return the boxes at ``index``, or where a mask is true."""
        return DrivingBoxes(
            geometry=self.geometry.take(index),
            velocity=self.velocity[index],
            label=self.label[index],
            attribute=self.attribute[index],
        )

    def within(self, grid: VoxelGrid) -> "DrivingBoxes":
        """Return the boxes whose centres lie over ``grid``, whatever their height."""
        center = self.geometry.center[:, :2]
        lower, upper = center.new_tensor(grid.lower[:2]), center.new_tensor(grid.upper[:2])
        return self.take(((center >= lower) & (center < upper)).all(dim=1))

    def to(self, device: torch.device | str) -> "DrivingBoxes":
        """Return the boxes on ``device``."""
        return DrivingBoxes(
            geometry=self.geometry.to(device),
            velocity=self.velocity.to(device),
            label=self.label.to(device),
            attribute=self.attribute.to(device),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections:
    """What a detector believes of one scene, by falling score, each in [0, 1]."""

    boxes: DrivingBoxes
    score: Float[Tensor, " boxes"]

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, index: Int[Tensor, " kept"] | Bool[Tensor, " boxes"]) -> "Detections":
        """Return the detections at ``index``, or where a mask is true."""
        return Detections(boxes=self.boxes.take(index), score=self.score[index])

    def to(self, device: torch.device | str) -> "Detections":
        """Return the detections on ``device``."""
        return Detections(boxes=self.boxes.to(device), score=self.score.to(device))


def boxes_of_scenes(packed: PackedBoxes) -> tuple[DrivingBoxes, ...]:
    """Return the boxes of each scene of a batch, in order."""
    joined = DrivingBoxes.of_scene(packed.boxes)
    ends = packed.offsets.tolist()
    starts = [0, *ends[:-1]]
    rows = torch.arange(len(joined), device=joined.label.device)
    return tuple(joined.take(rows[start:end]) for start, end in zip(starts, ends, strict=True))
