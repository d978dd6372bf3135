"""Non-maximum suppression: of boxes that say the same, the one with the highest score stays.

Greedy, as everywhere: by falling score, a box is dropped when a better one that was kept is too near. On equal scores
the earlier row wins. Rows come back by falling score. No gradient passes: an index has none.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ponder_tasks.boxes.oriented_boxes import OrientedBoxes
from ponder_tasks.boxes.rotated_iou import PairedOverlap, pairwise


@torch.no_grad()
def suppress_overlapping(
    boxes: OrientedBoxes,
    scores: Float[Tensor, " scores"],
    threshold: float,
    *,
    overlap: PairedOverlap,
    labels: Int[Tensor, " labels"] | None = None,
) -> Int[Tensor, " kept"]:
    """Return the rows that stay when of two boxes with an overlap above ``threshold`` only the better one may.

    Args:
        boxes: any number, also none.
        scores: one for each.
        threshold: in [0, 1]; an overlap of exactly this is allowed.
        overlap: ``bev_iou``, ``iou_3d`` or ``axis_aligned_iou_3d``.
        labels: where given, only boxes of the same label suppress each other.

    Raises:
        ValueError: when there is not one score (label) for each box, or a score is NaN.
    """
    order = _by_falling_score(scores, len(boxes))
    ranked = boxes.take(order)
    too_near = pairwise(ranked, ranked, overlap) > threshold
    return order[_greedy(_of_same_label(too_near, labels, order))]


@torch.no_grad()
def suppress_in_circles(
    center: Float[Tensor, "boxes 2"],
    scores: Float[Tensor, " scores"],
    radius: float,
    *,
    labels: Int[Tensor, " labels"] | None = None,
) -> Int[Tensor, " kept"]:
    """Return the rows that stay when of two centres at most ``radius`` apart only the better one may (circle NMS).

    Args:
        center: seen from above, metres.
        scores: one for each.
        radius: metres. CenterPoint's code compares its setting with the *squared* distance; here it is the distance.
        labels: where given, only centres of the same label suppress each other.

    Raises:
        ValueError: when there is not one score (label) for each centre, or a score is NaN.
    """
    order = _by_falling_score(scores, len(center))
    ranked = center[order]
    too_near = (ranked[:, None] - ranked[None]).norm(dim=2) <= radius
    return order[_greedy(_of_same_label(too_near, labels, order))]


def _by_falling_score(scores: Float[Tensor, " scores"], boxes: int) -> Int[Tensor, " scores"]:
    if scores.shape[0] != boxes:
        raise ValueError(f"{boxes} boxes need {boxes} scores, but there are {scores.shape[0]}")
    if bool(scores.isnan().any()):
        raise ValueError(f"{int(scores.isnan().sum())} of {boxes} scores are NaN, so boxes cannot be ranked")
    return torch.sort(scores, descending=True, stable=True).indices


def _of_same_label(
    too_near: Bool[Tensor, "boxes boxes"], labels: Int[Tensor, " labels"] | None, order: Int[Tensor, " boxes"]
) -> Bool[Tensor, "boxes boxes"]:
    if labels is None:
        return too_near
    if labels.shape[0] != order.shape[0]:
        raise ValueError(f"{order.shape[0]} boxes need as many labels, but there are {labels.shape[0]}")
    ranked = labels[order]
    return too_near & (ranked[:, None] == ranked[None])


def _greedy(too_near: Bool[Tensor, "boxes boxes"]) -> Bool[Tensor, " boxes"]:
    """Return which boxes stay, of boxes sorted by falling score.

    A box stays where no better box that stays is too near. Applied to any guess, this rule is right for the first
    box after one round and for one more with each round, so it settles on the only answer; in practice after a few
    rounds, each of them one pass over the table on the device.
    """
    better = too_near.triu(diagonal=1)
    stays = torch.ones(too_near.shape[0], dtype=torch.bool, device=too_near.device)
    while True:
        next_stays = ~(better & stays[:, None]).any(dim=0)
        if torch.equal(next_stays, stays):
            return stays
        stays = next_stays
