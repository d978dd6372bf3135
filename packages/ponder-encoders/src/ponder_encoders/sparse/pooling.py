"""Sparse max-pooling: the greatest feature among the input cells that reach an output cell."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ponder_encoders.sparse.strided_rulebook import PairTable, StridedGeometry, Triple, triple
from ponder_encoders.sparse.tensor import SparseTensor
from ponder_encoders.sparse.torch_columns import chunk_rows, spans


class MaxPoolFunction(torch.autograd.Function):
    """Maximum over the pairs of each output; the gradient goes to the first input that has it."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, table: PairTable) -> Tensor:
        """Offset by offset: keep what is greater, and the offset that it came through."""
        channels = features.shape[1]
        result = features.new_full((table.outputs, channels), -torch.inf)
        winner = torch.zeros(result.shape, dtype=torch.int16, device=features.device)
        step = chunk_rows(table.outputs, channels * features.element_size(), features.device)
        for offset, (inputs, outputs) in enumerate(table.pairs):
            for span in spans(inputs.shape[0], step):
                rows = outputs[span]
                value, best = features.index_select(0, inputs[span]), result.index_select(0, rows)
                # Not-a-number wins, as in PyTorch's dense pooling.
                wins = (value > best) | value.isnan()
                result.index_copy_(0, rows, torch.where(wins, value, best))
                through = winner.index_select(0, rows).masked_fill_(wins, offset)
                winner.index_copy_(0, rows, through)
        ctx.save_for_backward(winner)
        ctx.table = table
        return result

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, None]:
        """Offset by offset, so that no two additions meet."""
        (winner,) = ctx.saved_tensors
        table = ctx.table
        to_features = gradient.new_zeros(table.inputs, gradient.shape[1])
        step = chunk_rows(table.outputs, gradient.shape[1] * gradient.element_size(), gradient.device)
        for offset, (inputs, outputs) in enumerate(table.pairs):
            for span in spans(inputs.shape[0], step):
                rows = outputs[span]
                lost = winner.index_select(0, rows) != offset
                passed = gradient.index_select(0, rows).masked_fill_(lost, 0)
                to_features.index_add_(0, inputs[span], passed)
        return to_features, None


def max_pool(
    features: Float[Tensor, "cells channels"], table: PairTable
) -> Float[Tensor, "results channels"]:
    """``out[o] = max over the pairs (i, o) of features[i]``, each channel on its own.

    Empty cells take no part: they are not zeros. Among equals the first offset's input receives the gradient.
    """
    return MaxPoolFunction.apply(features, table)  # type: ignore[no-any-return]


class SparseMaxPool3d(nn.Module):
    """Max-pooling over occupied cells; output cells are those of a :class:`StridedConv3d` of the same sizes.

    Runs in plain PyTorch on every backend, in the type of the features. Deterministic.

    Args:
        kernel_size, stride, padding: one number, or one for each axis.

    Raises:
        ValueError: sizes that cannot be; see :class:`StridedGeometry`.
    """

    def __init__(
        self, *, kernel_size: int | Triple = 2, stride: int | Triple = 2, padding: int | Triple = 0
    ) -> None:
        super().__init__()
        self.geometry = StridedGeometry(
            kernel=triple(kernel_size), stride=triple(stride), padding=triple(padding)
        )

    def forward(self, tensor: SparseTensor) -> SparseTensor:
        """Pool to the cells that are reached."""
        cells, rulebook = tensor.cells.strided(self.geometry)
        features = max_pool(tensor.features, rulebook.there)
        return SparseTensor(features=features, cells=cells, backend=tensor.backend)

    def extra_repr(self) -> str:
        """Sizes, for printing."""
        geometry = self.geometry
        return f"kernel_size={geometry.kernel}, stride={geometry.stride}, padding={geometry.padding}"
