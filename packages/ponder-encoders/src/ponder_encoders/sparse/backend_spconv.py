"""Sparse convolutions by spconv (extras ``cu120``, ``cu126``): its Native algorithm over our own rulebooks.

With our rulebooks the cells keep our order, so weights and numbers are those of the other backends. Kernel-2
convolutions are single multiplications already and stay in PyTorch.
"""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.autograd.function import once_differentiable

from ponder_encoders.sparse.backend_torch import TorchBackend
from ponder_encoders.sparse.rulebook import ChildTable, NeighbourTable
from ponder_encoders.sparse.strided_rulebook import PairTable, StridedRulebook

with warnings.catch_warnings():
    # spconv still uses names of torch.cuda.amp that warn when imported.
    warnings.simplefilter("ignore")
    from spconv.core import ConvAlgo
    from spconv.pytorch import ops


def _stream_or_none(current_stream: Callable[[], int]) -> Callable[[], int]:
    def stream() -> int:
        return current_stream() if torch.cuda.is_available() else 0

    return stream


# spconv asks for the CUDA stream in its backward pass even on a machine without CUDA.
ops.get_current_stream = _stream_or_none(ops.get_current_stream)


def _computed_in(features: Tensor) -> torch.dtype:
    half = features.dtype == torch.float16 and features.device.type == "cuda"
    return torch.float16 if half else torch.float32


class SubmanifoldFunction(torch.autograd.Function):
    """spconv's submanifold convolution and its gradients; no second derivatives."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, kernels: Tensor, neighbours: NeighbourTable) -> Tensor:
        """Convolve with kernels laid out as spconv's: ``(outputs, k, k, k, inputs)``."""
        features, kernels = features.contiguous(), kernels.contiguous()
        ctx.save_for_backward(features, kernels)
        ctx.neighbours = neighbours
        pairs, counts = neighbours.padded_pairs
        # The pairs are submanifold (subm=True), not to be inverted.
        return ops.indice_conv(
            features, kernels, pairs, counts, features.shape[0], False, True, ConvAlgo.Native
        )

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, Tensor, None]:
        """Gradients of features and kernels."""
        features, kernels = ctx.saved_tensors
        pairs, counts = ctx.neighbours.padded_pairs
        to_features, to_kernels = ops.indice_conv_backward(
            features, kernels, gradient.contiguous(), pairs, counts, False, True, ConvAlgo.Native
        )
        return to_features, to_kernels, None


class StridedFunction(torch.autograd.Function):
    """spconv's convolution to other cells and its gradients; no second derivatives."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, kernels: Tensor, table: PairTable) -> Tensor:
        """Convolve with kernels ``(outputs, volume, 1, 1, inputs)``: only their number matters to spconv here."""
        features, kernels = features.contiguous(), kernels.contiguous()
        ctx.save_for_backward(features, kernels)
        ctx.table = table
        pairs, counts = table.padded_pairs
        return ops.indice_conv(features, kernels, pairs, counts, table.outputs, False, False, ConvAlgo.Native)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, Tensor, None]:
        """Gradients of features and kernels."""
        features, kernels = ctx.saved_tensors
        pairs, counts = ctx.table.padded_pairs
        to_features, to_kernels = ops.indice_conv_backward(
            features, kernels, gradient.contiguous(), pairs, counts, False, False, ConvAlgo.Native
        )
        return to_features, to_kernels, None


class SpconvBackend:
    """spconv for submanifold convolutions and strided ones of any kernel, on CUDA and (for comparison) on CPU.

    Computes in float16 on CUDA where the features are that, in float32 otherwise. What is float64 is left
    to PyTorch.
    """

    name = "spconv"

    def __init__(self) -> None:
        self._torch = TorchBackend()

    def neighbour_table(self, keys: Int64[Tensor, " cells"], kernel_size: int) -> NeighbourTable:
        """The neighbours of sorted cells; see :func:`ponder_encoders.sparse.rulebook.neighbour_table`."""
        return self._torch.neighbour_table(keys, kernel_size)

    def submanifold(
        self,
        features: Float[Tensor, "cells inputs"],
        weight: Float[Tensor, "volume inputs outputs"],
        neighbours: NeighbourTable,
    ) -> Float[Tensor, "cells outputs"]:
        """``out[i] = sum_k features[neighbour(i, k)] @ weight[k]``."""
        if features.dtype == torch.float64:
            return self._torch.submanifold(features, weight, neighbours)
        dtype = _computed_in(features)
        size = round(weight.shape[0] ** (1 / 3))
        kernels = weight.permute(2, 0, 1).reshape(weight.shape[2], size, size, size, weight.shape[1])
        with torch.autocast(features.device.type, enabled=False):
            return SubmanifoldFunction.apply(features.to(dtype), kernels.to(dtype), neighbours)  # type: ignore[no-any-return]

    def down(
        self,
        features: Float[Tensor, "fine inputs"],
        weight: Float[Tensor, "8 inputs outputs"],
        table: ChildTable,
    ) -> Float[Tensor, "coarse outputs"]:
        """``out[j] = sum_k features[child(j, k)] @ weight[k]``."""
        return self._torch.down(features, weight, table)

    def up(
        self,
        features: Float[Tensor, "coarse inputs"],
        weight: Float[Tensor, "8 inputs outputs"],
        table: ChildTable,
    ) -> Float[Tensor, "fine outputs"]:
        """``out[i] = features[parent(i)] @ weight[slot(i)]``."""
        return self._torch.up(features, weight, table)

    def strided(
        self,
        features: Float[Tensor, "cells inputs"],
        weight: Float[Tensor, "volume inputs outputs"],
        rulebook: StridedRulebook,
    ) -> Float[Tensor, "results outputs"]:
        """``out[o] = sum over pairs (i, o) of offset k of features[i] @ weight[k]``."""
        table = rulebook.there
        # spconv cannot multiply where there are no rows.
        if features.dtype == torch.float64 or not table.inputs or not table.outputs:
            return self._torch.strided(features, weight, rulebook)
        dtype = _computed_in(features)
        kernels = weight.permute(2, 0, 1)[:, :, None, None]
        with torch.autocast(features.device.type, enabled=False):
            return StridedFunction.apply(features.to(dtype), kernels.to(dtype), table)  # type: ignore[no-any-return]
