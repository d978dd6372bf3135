"""What the decoder's values are compared with: the inside of the solids, or their signed distance."""

import torch.nn.functional as F
from jaxtyping import Bool, Float
from ponder_render import Losses, LossTerm
from torch import Tensor


def occupancy_losses(value: Float[Tensor, "batch places"], inside: Bool[Tensor, "batch places"]) -> Losses:
    """Return the binary cross-entropy of ``value``, the log-odds of lying inside, averaged over all places."""
    loss = F.binary_cross_entropy_with_logits(value, inside.to(value))
    return Losses(terms=(LossTerm(name="occupancy", value=loss, weight=1.0),))


def distance_losses(
    value: Float[Tensor, "batch places"], signed_distance: Float[Tensor, "batch places"], truncation: float
) -> Losses:
    """Return the mean absolute error of truncated signed distances, in units of the truncation.

    Only the true distance is cut: a value beyond the truncation on the wrong side must still be drawn back.
    """
    loss = (value - signed_distance.clamp(-truncation, truncation)).abs().mean() / truncation
    return Losses(terms=(LossTerm(name="signed_distance", value=loss, weight=1.0),))
