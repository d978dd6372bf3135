"""Sparse convolutions in plain PyTorch: any device, any floating type, gradients by hand."""

from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.autograd.function import once_differentiable

from ponder_encoders.sparse.rulebook import ChildTable, NeighbourTable, neighbour_table
from ponder_encoders.sparse.strided_rulebook import PairTable, StridedRulebook
from ponder_encoders.sparse.torch_columns import columns_outer, columns_product
from ponder_encoders.sparse.torch_pairs import (
    pairs_gradients,
    pairs_product,
    strided_gradients,
    strided_product,
)

# From this product of input and output channels on, pairs are faster than columns (measured on CPU).
_WIDE = 40 * 40


def is_wide(weight: Float[Tensor, "volume inputs outputs"]) -> bool:
    """Whether a submanifold convolution is computed by pairs, not by columns."""
    return weight.shape[1] * weight.shape[2] >= _WIDE


class ColumnsFunction(torch.autograd.Function):
    """Submanifold convolution by columns."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, neighbours: NeighbourTable) -> Tensor:
        """One multiplication for each chunk of gathered neighbourhoods."""
        ctx.save_for_backward(features, weight)
        ctx.neighbours = neighbours
        return columns_product(features, weight, neighbours.rows)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None]:
        """By the features: the convolution of the gradient with the kernel turned around."""
        features, weight = ctx.saved_tensors
        rows, gradient = ctx.neighbours.rows, gradient.contiguous()
        to_features = to_weight = None
        if ctx.needs_input_grad[0]:
            to_features = columns_product(gradient, weight.flip(0).transpose(1, 2), rows)
        if ctx.needs_input_grad[1]:
            to_weight = columns_outer(features, gradient, rows).to(weight.dtype)
        return to_features, to_weight, None


class PairsFunction(torch.autograd.Function):
    """Submanifold convolution by pairs."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, neighbours: NeighbourTable) -> Tensor:
        """Offset by offset: gather, multiply, add."""
        ctx.save_for_backward(features, weight)
        ctx.neighbours = neighbours
        return pairs_product(features, weight, neighbours)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None]:
        """Offset by offset, the other way."""
        features, weight = ctx.saved_tensors
        needs = (ctx.needs_input_grad[0], ctx.needs_input_grad[1])
        return *pairs_gradients(gradient.contiguous(), features, weight, ctx.neighbours, needs), None


class DownFunction(torch.autograd.Function):
    """Strided convolution, kernel 2, stride 2: every small cell feeds exactly one large one."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, table: ChildTable) -> Tensor:
        """Gather the eight children of each large cell into one row; multiply once."""
        ctx.save_for_backward(features, weight)
        ctx.table = table
        return columns_product(features, weight, table.children)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None]:
        """Each small cell takes its slot of the large cell's gradient; no two meet."""
        features, weight = ctx.saved_tensors
        table, gradient = ctx.table, gradient.contiguous()
        to_features = to_weight = None
        if ctx.needs_input_grad[0]:
            to_features = to_children(gradient, weight.transpose(1, 2), table)
        if ctx.needs_input_grad[1]:
            to_weight = columns_outer(features, gradient, table.children).to(weight.dtype)
        return to_features, to_weight, None


class UpFunction(torch.autograd.Function):
    """Inverse of the strided convolution: every large cell feeds its small ones, each through its slot."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, table: ChildTable) -> Tensor:
        """Multiply each large cell with all eight slots; small cells pick theirs."""
        ctx.save_for_backward(features, weight)
        ctx.table = table
        return to_children(features, weight, table)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None]:
        """Gather the gradients of the eight children of each large cell; multiply once."""
        features, weight = ctx.saved_tensors
        rows, gradient = ctx.table.children, gradient.contiguous()
        to_features = to_weight = None
        if ctx.needs_input_grad[0]:
            to_features = columns_product(gradient, weight.transpose(1, 2), rows)
        if ctx.needs_input_grad[1]:
            to_weight = columns_outer(gradient, features, rows).transpose(1, 2).to(weight.dtype)
        return to_features, to_weight, None


class StridedFunction(torch.autograd.Function):
    """Strided convolution of any kernel, or its inverse, by pairs."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, table: PairTable) -> Tensor:
        """Offset by offset: gather, multiply, add."""
        ctx.save_for_backward(features, weight)
        ctx.table = table
        return strided_product(features, weight, table)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None]:
        """Offset by offset, the other way."""
        features, weight = ctx.saved_tensors
        needs = (ctx.needs_input_grad[0], ctx.needs_input_grad[1])
        return *strided_gradients(gradient.contiguous(), features, weight, ctx.table, needs), None


def to_children(
    coarse: Float[Tensor, "coarse inputs"], weight: Float[Tensor, "8 inputs outputs"], table: ChildTable
) -> Float[Tensor, "fine outputs"]:
    """``out[i] = coarse[parent(i)] @ weight[slot(i)]``."""
    slots, inputs, outputs = weight.shape
    matrix = weight.permute(1, 0, 2).reshape(inputs, slots * outputs)
    products = torch.mm(coarse, matrix).view(-1, outputs)
    return products.index_select(0, table.parent * slots + table.slot)


def cast_together(features: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Under autocast, both in its type (float64 is left alone, as PyTorch does); otherwise as they are."""
    device = features.device.type
    if not torch.is_autocast_enabled(device) or features.dtype == torch.float64:
        return features, weight
    dtype = torch.get_autocast_dtype(device)
    return features.to(dtype), weight.to(dtype)


class TorchBackend:
    """Sparse convolutions in plain PyTorch; under autocast in autocast's type, added up in float32."""

    name = "torch"

    def neighbour_table(self, keys: Int64[Tensor, " cells"], kernel_size: int) -> NeighbourTable:
        """The neighbours of sorted cells; see :func:`ponder_encoders.sparse.rulebook.neighbour_table`."""
        return neighbour_table(keys, kernel_size)

    def submanifold(
        self,
        features: Float[Tensor, "cells inputs"],
        weight: Float[Tensor, "volume inputs outputs"],
        neighbours: NeighbourTable,
    ) -> Float[Tensor, "cells outputs"]:
        """``out[i] = sum_k features[neighbour(i, k)] @ weight[k]``."""
        function = PairsFunction if is_wide(weight) else ColumnsFunction
        return function.apply(*cast_together(features, weight), neighbours)  # type: ignore[no-any-return]

    def down(
        self,
        features: Float[Tensor, "fine inputs"],
        weight: Float[Tensor, "8 inputs outputs"],
        table: ChildTable,
    ) -> Float[Tensor, "coarse outputs"]:
        """``out[j] = sum_k features[child(j, k)] @ weight[k]``."""
        return DownFunction.apply(*cast_together(features, weight), table)  # type: ignore[no-any-return]

    def up(
        self,
        features: Float[Tensor, "coarse inputs"],
        weight: Float[Tensor, "8 inputs outputs"],
        table: ChildTable,
    ) -> Float[Tensor, "fine outputs"]:
        """``out[i] = features[parent(i)] @ weight[slot(i)]``."""
        return UpFunction.apply(*cast_together(features, weight), table)  # type: ignore[no-any-return]

    def strided(
        self,
        features: Float[Tensor, "cells inputs"],
        weight: Float[Tensor, "volume inputs outputs"],
        rulebook: StridedRulebook,
    ) -> Float[Tensor, "results outputs"]:
        """``out[o] = sum over pairs (i, o) of offset k of features[i] @ weight[k]``."""
        return StridedFunction.apply(*cast_together(features, weight), rulebook.there)  # type: ignore[no-any-return]
