"""Upright oriented boxes as geometry only: no class, no instance."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from ponder_data.scene import Boxes
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class OrientedBoxes:
    """Boxes that stand upright: centre and full sizes (m), heading (rad, about +Z).

    The first size lies along the heading. Sizes may be zero, not negative.
    """

    center: Float[Tensor, "boxes 3"]
    size: Float[Tensor, "boxes 3"]
    heading: Float[Tensor, " boxes"]

    def __len__(self) -> int:
        return self.center.shape[0]

    @classmethod
    def of_scene(cls, boxes: Boxes) -> "OrientedBoxes":
        """Return the geometry of a scene's boxes."""
        return cls(center=boxes.center, size=boxes.size, heading=boxes.heading)

    def take(self, index: Int[Tensor, " kept"] | Bool[Tensor, " boxes"]) -> "OrientedBoxes":
        """Return the boxes at ``index``, or where a mask is true."""
        return OrientedBoxes(center=self.center[index], size=self.size[index], heading=self.heading[index])

    def to(self, device: torch.device | str) -> "OrientedBoxes":
        """Return the boxes on ``device``."""
        return OrientedBoxes(
            center=self.center.to(device), size=self.size.to(device), heading=self.heading.to(device)
        )


def join_boxes(parts: Sequence[OrientedBoxes]) -> OrientedBoxes:
    """Return the boxes of all ``parts``, one after the other.

    Raises:
        ValueError: when there is no part.
    """
    if not parts:
        raise ValueError("there are no boxes to join; pass at least one OrientedBoxes, which may be empty")
    return OrientedBoxes(
        center=torch.cat([part.center for part in parts]),
        size=torch.cat([part.size for part in parts]),
        heading=torch.cat([part.heading for part in parts]),
    )
