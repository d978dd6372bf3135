"""The losses of semantic segmentation, each named and weighted."""

import torch
import torch.nn.functional
from jaxtyping import Float, Int
from ponder_data.scene import IGNORE_LABEL
from ponder_render.losses import Losses, LossTerm
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ponder_tasks.segment.dice import dice_loss
from ponder_tasks.segment.focal import focal_loss
from ponder_tasks.segment.lovasz import lovasz_softmax


class SegmentationLossConfig(BaseModel):
    """The weight of each loss; a loss of weight 0 is not computed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cross_entropy: float = Field(default=1.0, ge=0, description="weight of the cross-entropy")
    lovasz: float = Field(default=1.0, ge=0, description="weight of the Lovasz-Softmax loss")
    focal: float = Field(default=0.0, ge=0, description="weight of the sigmoid focal loss")
    dice: float = Field(default=0.0, ge=0, description="weight of the soft Dice loss")
    label_smoothing: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="how much of each label is spread over all classes, in the cross-entropy",
    )


def segmentation_losses(
    logits: Float[Tensor, "points classes"], target: Int[Tensor, " points"], config: SegmentationLossConfig
) -> Losses:
    """Return every loss that ``config`` gives a weight, over the points whose target is not -1.

    Where no point is labelled each loss is 0 with zero gradient, so that a batch without labels does not stop
    a run.

    Raises:
        ValueError: when no loss has a weight, or a target is neither -1 nor a class of the logits.
    """
    _check_targets(target, logits.shape[1])
    if logits.dtype in (torch.float16, torch.bfloat16):
        logits = logits.float()
    computed = {
        "cross_entropy": lambda: cross_entropy(logits, target, label_smoothing=config.label_smoothing),
        "lovasz": lambda: lovasz_softmax(logits, target),
        "focal": lambda: focal_loss(logits, target),
        "dice": lambda: dice_loss(logits, target),
    }
    weights = {name: float(getattr(config, name)) for name in computed}
    terms = tuple(
        LossTerm(name=name, value=computed[name](), weight=weight)
        for name, weight in weights.items()
        if weight > 0
    )
    if not terms:
        raise ValueError(
            f"every segmentation loss has weight 0 ({', '.join(weights)}); give at least one a weight"
        )
    return Losses(terms=terms)


def cross_entropy(
    logits: Float[Tensor, "batch classes *spatial"],
    target: Int[Tensor, "batch *spatial"],
    *,
    label_smoothing: float = 0.0,
) -> Float[Tensor, ""]:
    """Return the mean cross-entropy over points whose target is not -1; 0, with zero gradient, of none."""
    total = torch.nn.functional.cross_entropy(
        logits, target.long(), ignore_index=IGNORE_LABEL, label_smoothing=label_smoothing, reduction="sum"
    )
    return total / (target != IGNORE_LABEL).sum().clamp(min=1)


def _check_targets(target: Int[Tensor, " points"], classes: int) -> None:
    """Raise where a label is out of range, which on a GPU would fail later and without a message."""
    if target.numel() == 0:
        return
    lowest, highest = int(target.min()), int(target.max())
    if lowest < IGNORE_LABEL or highest >= classes:
        raise ValueError(
            f"targets run from {lowest} to {highest} but the logits have {classes} classes; "
            f"labels must be -1 (ignored) or 0 to {classes - 1}"
        )
