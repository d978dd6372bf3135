"""Which query is to answer for which true box: the assignment of least total cost (Carion et al., DETR)."""

import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

ALPHA, GAMMA = 0.25, 2.0
"""Of the focal loss (Lin et al. 2017)."""


@torch.no_grad()
def match(cost: Float[Tensor, "queries boxes"]) -> tuple[Int[Tensor, " pairs"], Int[Tensor, " pairs"]]:
    """Return the rows and columns of the assignment of least total cost (Hungarian method, scipy's).

    Every box has one query if there are enough queries; otherwise every query has one box. On the device of ``cost``.

    Raises:
        ValueError: when a cost is NaN.
    """
    if bool(cost.isnan().any()):
        raise ValueError(
            f"{int(cost.isnan().sum())} of {cost.numel()} matching costs are NaN, so queries and boxes cannot be "
            "assigned; the network has diverged: lower optimizer.learning_rate"
        )
    rows, columns = linear_sum_assignment(cost.double().cpu().numpy())
    return torch.from_numpy(rows).to(cost.device), torch.from_numpy(columns).to(cost.device)


@torch.no_grad()
def matching_cost(
    score: Float[Tensor, "queries classes"],
    code: Float[Tensor, "queries 10"],
    label: Int[Tensor, " boxes"],
    truth: Float[Tensor, "boxes 10"],
    *,
    class_weight: float,
    box_weight: float,
) -> Float[Tensor, "queries boxes"]:
    """Return ``class_weight * (focal loss if right - focal loss if wrong) + box_weight * L1`` of each query and box.

    The L1 distance is of position, size and heading; velocities are often unknown.
    """
    right = -ALPHA * (1 - score.sigmoid()) ** GAMMA * torch.nn.functional.logsigmoid(score)
    wrong = -(1 - ALPHA) * score.sigmoid() ** GAMMA * torch.nn.functional.logsigmoid(-score)
    distance = torch.cdist(code[:, :8], truth[:, :8], p=1)
    return class_weight * (right - wrong)[:, label] + box_weight * distance


def focal_loss(logits: Float[Tensor, "*any"], target: Float[Tensor, "*any"]) -> Float[Tensor, ""]:
    """Return the summed focal loss ``-a (1 - p)^g log p`` of targets 1, ``-(1 - a) p^g log(1 - p)`` of targets 0."""
    right = -ALPHA * (1 - logits.sigmoid()) ** GAMMA * torch.nn.functional.logsigmoid(logits)
    wrong = -(1 - ALPHA) * logits.sigmoid() ** GAMMA * torch.nn.functional.logsigmoid(-logits)
    return (target * right + (1 - target) * wrong).sum()
