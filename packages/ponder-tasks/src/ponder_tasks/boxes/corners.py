"""Corners of upright oriented boxes, and what can be said with them: bounds, and which points lie inside."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ponder_tasks.boxes.oriented_boxes import OrientedBoxes

# Counter-clockwise seen from above, in units of half the size: x along the heading.
_SIGNS = ((1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0))


def bev_corners(boxes: OrientedBoxes) -> Float[Tensor, "boxes 4 2"]:
    """Return the corners seen from above (bird's-eye view), counter-clockwise, metres."""
    signs = torch.tensor(_SIGNS, dtype=boxes.size.dtype, device=boxes.size.device)
    local = 0.5 * boxes.size[:, None, :2] * signs
    return turned(local, boxes.heading[:, None]) + boxes.center[:, None, :2]


def box_corners(boxes: OrientedBoxes) -> Float[Tensor, "boxes 8 3"]:
    """Return all corners, metres: the four of the bottom counter-clockwise seen from above, then of the top."""
    plane = bev_corners(boxes)
    half = 0.5 * boxes.size[:, 2:]
    bottom, top = boxes.center[:, 2:] - half, boxes.center[:, 2:] + half
    levels = [torch.cat((plane, z[:, None].expand(-1, 4, 1)), dim=2) for z in (bottom, top)]
    return torch.cat(levels, dim=1)


def enclosing_boxes(boxes: OrientedBoxes) -> OrientedBoxes:
    """Return the smallest boxes of heading 0 that hold ``boxes``."""
    corners = box_corners(boxes)
    lower, upper = corners.amin(dim=1), corners.amax(dim=1)
    return OrientedBoxes(
        center=0.5 * (lower + upper), size=upper - lower, heading=torch.zeros_like(boxes.heading)
    )


def points_inside(points: Float[Tensor, "points 3"], boxes: OrientedBoxes) -> Bool[Tensor, "boxes points"]:
    """Return which points lie in each box, its surface included."""
    offset = points[None] - boxes.center[:, None]
    plane = turned(offset[..., :2], -boxes.heading[:, None])
    local = torch.cat((plane, offset[..., 2:]), dim=2)
    return (local.abs() <= 0.5 * boxes.size[:, None]).all(dim=2)


def turned(vectors: Float[Tensor, "*shape 2"], angle: Float[Tensor, "*angles"]) -> Float[Tensor, "*shape 2"]:
    """Return vectors of the plane turned counter-clockwise by ``angle`` (rad), which broadcasts over them."""
    cosine, sine = angle.cos(), angle.sin()
    x, y = vectors.unbind(dim=-1)
    return torch.stack((cosine * x - sine * y, sine * x + cosine * y), dim=-1)
