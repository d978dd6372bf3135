"""The soft Dice loss: one minus twice the overlap over the sizes (Milletari et al., V-Net, 3DV 2016)."""

import torch
from jaxtyping import Float, Int
from ponder_data.scene import IGNORE_LABEL
from torch import Tensor


def dice_loss(
    logits: Float[Tensor, "batch classes *spatial"],
    target: Int[Tensor, "batch *spatial"],
    *,
    smooth: float = 1.0,
    ignore_index: int = IGNORE_LABEL,
) -> Float[Tensor, ""]:
    """Return ``1 - (2 sum(p t) + smooth) / (sum(p^2) + sum(t^2) + smooth)``, the mean over all classes.

    ``p`` is the softmax of the logits and ``t`` the one-hot target, both summed over all labelled points of
    the batch. A class that is neither predicted nor true costs nothing. Zero, with zero gradient, where no
    point is labelled.
    """
    labelled = (target != ignore_index)[..., None]
    classes = logits.shape[1]
    probability = torch.where(labelled, torch.softmax(logits.movedim(1, -1), dim=-1), 0.0).reshape(
        -1, classes
    )
    truth = (target[..., None] == torch.arange(classes, device=logits.device)).to(probability.dtype)
    truth = truth.reshape(-1, classes)
    overlap = (probability * truth).sum(dim=0)
    sizes = probability.square().sum(dim=0) + truth.sum(dim=0)
    return (1.0 - (2.0 * overlap + smooth) / (sizes + smooth)).mean()
