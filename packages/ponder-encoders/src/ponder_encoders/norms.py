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
        return self.normalise(input, self.weight, self.bias)

    def normalise(
        self,
        rows: Float[Tensor, "points channels"],
        weight: Float[Tensor, " channels"],
        bias: Float[Tensor, " channels"],
    ) -> Float[Tensor, "points channels"]:
        """As :meth:`forward`, with another scale and shift than the norm's own; they get gradients too."""
        if self.training and rows.shape[0] > 1:
            assert self.num_batches_tracked is not None, "a PointBatchNorm always tracks statistics"
            self.num_batches_tracked.add_(1)
            if self.renormalise:
                return self._renormalised(rows, weight, bias)
        return F.batch_norm(
            rows,
            self.running_mean,
            self.running_var,
            weight,
            bias,
            training=self.training and rows.shape[0] > 1,
            momentum=self.momentum or 0.0,
            eps=self.eps,
        )

    def _renormalised(
        self,
        rows: Float[Tensor, "points channels"],
        weight: Float[Tensor, " channels"],
        bias: Float[Tensor, " channels"],
    ) -> Float[Tensor, "points channels"]:
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
        return torch.addcmul(torch.addcmul(bias, shift, weight), normalised, stretch * weight)
