"""Normalisation of packed points."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class PointBatchNorm(nn.BatchNorm1d):
    """Batch normalisation over packed points, with the published model's constants (eps 1e-3, momentum 0.01).

    A single point has no variance: where a training batch leaves only one row (the coarsest level of a tiny
    cloud), it is normalised by the running statistics, which it does not change.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-3, momentum=0.01)

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
        return super().forward(input)


def normalise_and_rectify(
    norm: nn.Module, rows: Float[Tensor, "points channels"]
) -> Float[Tensor, "points channels"]:
    """``relu(norm(rows))``; the rectifier works in place, since no gradient needs what came before it."""
    return torch.relu_(norm(rows))
