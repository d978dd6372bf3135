"""Normalisation of packed points."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

LARGEST_STRETCH = 3.0
LARGEST_SHIFT = 5.0
"""How far renormalisation corrects a batch: the bounds that Ioffe reaches after warming up."""


class PointBatchNorm(nn.BatchNorm1d):
    """Batch normalisation over packed points, with the published model's constants (eps 1e-3, momentum 0.01).

    A single point has no variance: where a training batch leaves only one row (the coarsest level of a tiny
    cloud), it is normalised by the running statistics, which it does not change.

    With ``renormalise`` set, training corrects each batch's statistics towards the running ones (batch
    renormalisation, Ioffe 2017): ``y = (x - mean) / deviation * r + d`` with ``r = deviation / running
    deviation`` and ``d = (mean - running mean) / running deviation``, both without gradient and within bounds.
    So a batch of few scenes keeps its absolute colours, and evaluation normalises as training did.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-3, momentum=0.01)
        self.renormalise = False

    def forward(self, input: Float[Tensor, "points channels"]) -> Float[Tensor, "points channels"]:
        """Normalise each channel over all points of the batch, then scale and shift."""
        if self.training and input.shape[0] == 1:
            return F.batch_norm(
                input,
                self.running_mean,
                self.running_var,
                self.weight,
                self.bias,
                training=False,
                eps=self.eps,
            )
        if self.training and self.renormalise:
            return self._renormalised(input)
        return super().forward(input)

    def _renormalised(self, rows: Float[Tensor, "points channels"]) -> Float[Tensor, "points channels"]:
        assert self.running_mean is not None, "a PointBatchNorm always tracks statistics"
        assert self.running_var is not None, "a PointBatchNorm always tracks statistics"
        # The correction is taken against the statistics of the batches before this one.
        running_mean, running_deviation = self.running_mean.clone(), (self.running_var + self.eps).sqrt()
        normalised, mean, inverse_deviation = torch.native_batch_norm(
            rows, None, None, self.running_mean, self.running_var, True, self.momentum or 0.0, self.eps
        )
        stretch = (1 / (inverse_deviation * running_deviation)).clamp(1 / LARGEST_STRETCH, LARGEST_STRETCH)
        shift = ((mean - running_mean) / running_deviation).clamp(-LARGEST_SHIFT, LARGEST_SHIFT)
        stretch, shift = stretch.detach(), shift.detach()
        return torch.addcmul(torch.addcmul(self.bias, shift, self.weight), normalised, stretch * self.weight)


def normalise_and_rectify(
    norm: nn.Module, rows: Float[Tensor, "points channels"]
) -> Float[Tensor, "points channels"]:
    """``relu(norm(rows))``; the rectifier works in place, since no gradient needs what came before it."""
    return torch.relu_(norm(rows))
