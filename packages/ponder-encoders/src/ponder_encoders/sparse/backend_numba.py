"""Sparse convolutions on CPU by fused Numba kernels (extra ``cpu``), in float32."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numba
import scipy.linalg  # noqa: F401  # loads the BLAS that numba's matrix products call, for threadpoolctl to find
import torch
from jaxtyping import Float, Int64
from threadpoolctl import ThreadpoolController
from torch import Tensor
from torch.autograd.function import once_differentiable

from ponder_encoders.sparse import numba_kernels
from ponder_encoders.sparse.backend_torch import TorchBackend
from ponder_encoders.sparse.keys import key_step
from ponder_encoders.sparse.rulebook import ChildTable, NeighbourTable, check_kernel_size
from ponder_encoders.sparse.strided_rulebook import StridedRulebook

# Too few channels for many small products: PyTorch's columns are faster (the stem).
_NARROW = 8

# Numba's parallel loops may not be entered from two Python threads at once on every threading layer.
_ONE_AT_A_TIME = threading.Lock()


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


@contextmanager
def _parallel_kernel() -> Iterator[int]:
    """As many threads as PyTorch uses, each with a BLAS of one thread; yields their number."""
    of_torch = torch.get_num_threads()
    threads = min(of_torch, numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
    with _ONE_AT_A_TIME, _blas().limit(limits=1):
        of_numba = numba.get_num_threads()
        numba.set_num_threads(threads)
        try:
            yield threads
        finally:
            numba.set_num_threads(of_numba)
            # Numba and PyTorch share one OpenMP runtime, and numba sets its number of threads when it starts.
            if torch.get_num_threads() != of_torch:
                torch.set_num_threads(of_torch)


def block_size(cells: int, threads: int) -> int:
    """Cells to work on at a time: many for long products, few enough that every thread finds some blocks."""
    return max(64, min(512, -(-cells // (4 * threads))))


class SubmanifoldFunction(torch.autograd.Function):
    """Submanifold convolution and its gradients in float32 on CPU; no second derivatives."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, neighbours: NeighbourTable) -> Tensor:
        """Convolve block by block."""
        features, weight = features.contiguous(), weight.contiguous()
        ctx.save_for_backward(features, weight)
        ctx.neighbours = neighbours
        result = features.new_empty(features.shape[0], weight.shape[2])
        with _parallel_kernel() as threads:
            block = block_size(features.shape[0], threads)
            numba_kernels.forward(
                features.numpy(), weight.numpy(), neighbours.rows.numpy(), block, result.numpy()
            )
        return result

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None]:
        """Gather the gradient once, for features and weight."""
        features, weight = ctx.saved_tensors
        volume, inputs, outputs = weight.shape
        rows = ctx.neighbours.rows
        needs_features, needs_weight = ctx.needs_input_grad[:2]
        to_features = torch.empty_like(features) if needs_features else features.new_empty(0, inputs)
        with _parallel_kernel() as threads:
            block = block_size(rows.shape[0], threads)
            parts = min(threads, -(-rows.shape[0] // block))
            to_weight = features.new_zeros(parts, volume if needs_weight else 0, inputs, outputs)
            numba_kernels.backward(
                gradient.contiguous().numpy(),
                features.numpy(),
                weight.transpose(1, 2).contiguous().numpy(),
                rows.numpy(),
                block,
                (needs_features, needs_weight),
                to_features.numpy(),
                to_weight.numpy(),
            )
        return to_features if needs_features else None, to_weight.sum(0) if needs_weight else None, None


def _product(source: Tensor, weight: Tensor, rows: Tensor) -> Tensor:
    """``out[i] = sum_k source[rows[i, k]] @ weight[k]``."""
    result = source.new_empty(rows.shape[0], weight.shape[2])
    with _parallel_kernel() as threads:
        block = block_size(rows.shape[0], threads)
        numba_kernels.product(source.numpy(), weight.numpy(), rows.numpy(), block, result.numpy())
    return result


def _outer(source: Tensor, gradient: Tensor, rows: Tensor) -> Tensor:
    """``out[k] = sum_i outer(source[rows[i, k]], gradient[i])``."""
    with _parallel_kernel() as threads:
        block = block_size(rows.shape[0], threads)
        parts = min(threads, -(-rows.shape[0] // block))
        result = source.new_zeros(parts, rows.shape[1], source.shape[1], gradient.shape[1])
        numba_kernels.outer(source.numpy(), gradient.numpy(), rows.numpy(), block, result.numpy())
    return result.sum(0)


class StridedFunction(torch.autograd.Function):
    """Strided convolution of any kernel, or its inverse, in float32 on CPU; no second derivatives."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, rulebook: StridedRulebook) -> Tensor:
        """Convolve block by block."""
        features, weight = features.contiguous(), weight.contiguous()
        ctx.save_for_backward(features, weight)
        ctx.rulebook = rulebook
        return _product(features, weight, rulebook.there.rows)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None]:
        """By the features: the convolution of the gradient over the pairs turned around."""
        features, weight = ctx.saved_tensors
        rulebook, gradient = ctx.rulebook, gradient.contiguous()
        to_features = to_weight = None
        if ctx.needs_input_grad[0]:
            to_features = _product(gradient, weight.transpose(1, 2).contiguous(), rulebook.back.rows)
        if ctx.needs_input_grad[1]:
            to_weight = _outer(features, gradient, rulebook.there.rows)
        return to_features, to_weight, None


class NumbaBackend:
    """Fused kernels for all but the halving convolutions, which are already single multiplications in PyTorch.

    Computes in float32, also under autocast. What is float64, or has very few channels, is left to PyTorch.
    """

    name = "numba"

    def __init__(self) -> None:
        self._torch = TorchBackend()

    def neighbour_table(self, keys: Int64[Tensor, " cells"], kernel_size: int) -> NeighbourTable:
        """The neighbours of sorted cells; see :func:`ponder_encoders.sparse.rulebook.neighbour_table`."""
        check_kernel_size(kernel_size)
        reach = range(-(kernel_size // 2), kernel_size // 2 + 1)
        steps = torch.tensor([key_step(dx, dy, reach[0]) for dx in reach for dy in reach])
        rows = torch.empty(keys.shape[0], kernel_size**3, dtype=torch.int32)
        with _parallel_kernel() as threads:
            block = block_size(keys.shape[0], threads)
            numba_kernels.find_neighbours(keys.contiguous().numpy(), steps.numpy(), block, rows.numpy())
        return NeighbourTable(rows)

    def submanifold(
        self,
        features: Float[Tensor, "cells inputs"],
        weight: Float[Tensor, "volume inputs outputs"],
        neighbours: NeighbourTable,
    ) -> Float[Tensor, "cells outputs"]:
        """``out[i] = sum_k features[neighbour(i, k)] @ weight[k]``."""
        if features.dtype == torch.float64 or weight.shape[1] <= _NARROW:
            return self._torch.submanifold(features, weight, neighbours)
        return SubmanifoldFunction.apply(features.float(), weight.float(), neighbours)  # type: ignore[no-any-return]

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
        if features.dtype == torch.float64 or weight.shape[1] <= _NARROW:
            return self._torch.strided(features, weight, rulebook)
        return StridedFunction.apply(features.float(), weight.float(), rulebook)  # type: ignore[no-any-return]
