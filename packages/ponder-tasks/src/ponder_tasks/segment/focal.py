"""The focal loss: cross-entropy that turns away from what is already right (Lin et al., ICCV 2017)."""

import torch
import torch.nn.functional
from jaxtyping import Float, Int
from ponder_data.scene import IGNORE_LABEL
from torch import Tensor


def focal_loss(
    logits: Float[Tensor, "batch classes *spatial"],
    target: Int[Tensor, "batch *spatial"],
    *,
    gamma: float = 2.0,
    alpha: float = 0.5,
    ignore_index: int = IGNORE_LABEL,
) -> Float[Tensor, ""]:
    """Return the sigmoid focal loss, one binary problem per class, the mean over labelled points and classes.

    With ``p`` the sigmoid probability of what is true of a point and a class (is it, or is it not, of this
    class), the loss is ``-a (1 - p)^gamma log p`` with ``a = alpha`` for the point's class and ``1 - alpha``
    for the others (the paper's Eq. 5). The modulating factor has a gradient too. Zero, with zero gradient,
    where no point is labelled.
    """
    labelled = target != ignore_index
    classes = logits.shape[1]
    rows = logits.movedim(1, -1)
    truth = target[..., None] == torch.arange(classes, device=logits.device)
    score = torch.where(truth, rows, -rows)
    balance = (1.0 - alpha) + (2.0 * alpha - 1.0) * truth.to(logits.dtype)
    # -log sigmoid(s) = softplus(-s), and 1 - sigmoid(s) = sigmoid(-s).
    loss = balance * torch.sigmoid(-score).pow(gamma) * torch.nn.functional.softplus(-score)
    kept = torch.where(labelled[..., None], loss, 0.0)
    return kept.sum() / (labelled.sum() * classes).clamp(min=1)
