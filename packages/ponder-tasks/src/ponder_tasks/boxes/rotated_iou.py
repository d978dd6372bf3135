"""Intersection over union of upright oriented boxes: seen from above (BEV) and in space (3D).

The IoU of two boxes without area (volume) is 0, of a box with itself too: 0 / 0 would say nothing.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ponder_tasks.boxes.corners import enclosing_boxes
from ponder_tasks.boxes.oriented_boxes import OrientedBoxes
from ponder_tasks.boxes.rectangle_overlap import shared_area

PairedOverlap = Callable[[OrientedBoxes, OrientedBoxes], Float[Tensor, " pairs"]]


def bev_iou(first: OrientedBoxes, second: OrientedBoxes) -> Float[Tensor, " pairs"]:
    """Return the IoU, seen from above, of each box of ``first`` with the one of ``second`` beside it.

    Gradients reach centres, sizes and headings of both and are finite; where boxes do not touch they are zero.

    Raises:
        ValueError: when the numbers of boxes differ.
    """
    _check_pairs(first, second)
    areas = (boxes.size[:, 0] * boxes.size[:, 1] for boxes in (first, second))
    return _over_union(shared_area(first, second), *areas)


def iou_3d(first: OrientedBoxes, second: OrientedBoxes) -> Float[Tensor, " pairs"]:
    """Return the IoU in space of each box of ``first`` with the one of ``second`` beside it; see :func:`bev_iou`."""
    _check_pairs(first, second)
    rise = second.center[:, 2] - first.center[:, 2]
    half_first, half_second = 0.5 * first.size[:, 2], 0.5 * second.size[:, 2]
    top = torch.minimum(half_first, rise + half_second)
    bottom = torch.maximum(-half_first, rise - half_second)
    shared = shared_area(first, second) * (top - bottom).clamp_min(0)
    return _over_union(shared, first.size.prod(dim=1), second.size.prod(dim=1))


def axis_aligned_iou_3d(first: OrientedBoxes, second: OrientedBoxes) -> Float[Tensor, " pairs"]:
    """Return the IoU in space of the boxes of heading 0 that hold each pair's two boxes."""
    _check_pairs(first, second)
    first, second = enclosing_boxes(first), enclosing_boxes(second)
    offset = second.center - first.center
    top = torch.minimum(0.5 * first.size, offset + 0.5 * second.size)
    bottom = torch.maximum(-0.5 * first.size, offset - 0.5 * second.size)
    shared = (top - bottom).clamp_min(0).prod(dim=1)
    return _over_union(shared, first.size.prod(dim=1), second.size.prod(dim=1))


def pairwise(
    first: OrientedBoxes, second: OrientedBoxes, overlap: PairedOverlap
) -> Float[Tensor, "first second"]:
    """Return ``overlap`` (such as :func:`iou_3d`) of every box of ``first`` with every one of ``second``.

    Only pairs whose circumscribed circles meet, seen from above, are computed; the others are 0. So memory grows
    with the pairs that are near each other.
    """
    reach = 0.5 * (_diagonal(first)[:, None] + _diagonal(second)[None])
    apart = (first.center[:, None, :2] - second.center[None, :, :2]).norm(dim=2)
    rows, columns = torch.nonzero(apart <= reach * (1 + 1e-6), as_tuple=True)
    values = overlap(first.take(rows), second.take(columns))
    table = torch.zeros(len(first), len(second), dtype=values.dtype, device=values.device)
    return table.index_put((rows, columns), values)


def _diagonal(boxes: OrientedBoxes) -> Float[Tensor, " boxes"]:
    # Of the box of heading 0 around it: that is what axis_aligned_iou_3d compares, and it holds the box itself.
    return enclosing_boxes(boxes).size[:, :2].norm(dim=1).detach()


def _over_union(
    shared: Float[Tensor, " pairs"], first: Float[Tensor, " pairs"], second: Float[Tensor, " pairs"]
) -> Float[Tensor, " pairs"]:
    union = first + second - shared
    empty = union <= 0
    return torch.where(empty, 0.0, shared / torch.where(empty, 1.0, union))


def _check_pairs(first: OrientedBoxes, second: OrientedBoxes) -> None:
    if len(first) != len(second):
        raise ValueError(
            f"{len(first)} boxes cannot be paired with {len(second)}; for every box with every other use "
            "pairwise(first, second, bev_iou)"
        )
