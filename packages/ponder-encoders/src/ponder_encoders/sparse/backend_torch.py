"""Sparse convolutions in plain PyTorch: any device, any floating type, gradients by hand.

Two ways to the same numbers. *Columns*: gather the whole neighbourhood of some cells into one row each and multiply
once; good where channels are few, because the arithmetic wasted on empty neighbours costs less than many small steps.
*Pairs*: for each kernel offset gather, multiply and add only what is there; good where channels are many. Both work
in chunks with reused buffers, so that memory does not grow with the kernel.
"""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from ponder_encoders.sparse.rulebook import ChildTable, NeighbourTable

# Gathered columns stay in a CPU core's cache; an accelerator wants few, large steps instead.
_CHUNK_BYTES_CPU = 4 << 20
_CHUNK_BYTES_OTHER = 256 << 20
# Above this product of input and output channels, pairs win over columns.
_WIDE = 64 * 64
# Few cells at many channels: the steps' own overhead decides, and columns take one.
_FEW_CELLS = 256


def chunk_rows(cells: int, row_bytes: int, device: torch.device) -> int:
    """How many rows of ``row_bytes`` bytes to work on at a time."""
    budget = _CHUNK_BYTES_CPU if device.type == "cpu" else _CHUNK_BYTES_OTHER
    return max(1, min(cells, max(128, budget // row_bytes)))


def accumulation_dtype(dtype: torch.dtype) -> torch.dtype:
    """The type to add up many terms in: half-precision types add up in float32."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype


def _spans(length: int, step: int) -> Iterator[slice]:
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def _with_zero_row(rows: Float[Tensor, "cells channels"]) -> Float[Tensor, "padded channels"]:
    return torch.cat([rows, rows.new_zeros(1, rows.shape[1])])


class _Columns:
    """Chunks of gathered neighbourhoods, ``(rows, volume * channels)``, all in one reused buffer."""

    def __init__(self, source: Float[Tensor, "cells channels"], rows: Tensor) -> None:
        self.padded = _with_zero_row(source)
        self.rows = rows
        width = rows.shape[1] * source.shape[1]
        self.step = chunk_rows(rows.shape[0], width * source.element_size(), source.device)
        self.buffer = source.new_empty(self.step * rows.shape[1], source.shape[1])

    def __iter__(self) -> Iterator[tuple[slice, Float[Tensor, "rows width"]]]:
        for span in _spans(self.rows.shape[0], self.step):
            wanted = self.rows[span].reshape(-1)
            gathered = self.buffer[: wanted.shape[0]]
            torch.index_select(self.padded, 0, wanted, out=gathered)
            yield span, gathered.view(span.stop - span.start, -1)


def _mirrored(weight: Float[Tensor, "volume inputs outputs"]) -> Float[Tensor, "volume outputs inputs"]:
    # The gradient of a convolution is the convolution of the gradient with the kernel turned around.
    return weight.flip(0).transpose(1, 2)


def columns_forward(
    features: Float[Tensor, "cells inputs"],
    weight: Float[Tensor, "volume inputs outputs"],
    neighbours: NeighbourTable,
) -> Float[Tensor, "cells outputs"]:
    """Submanifold convolution, one multiplication for each chunk of gathered neighbourhoods."""
    result = features.new_empty(features.shape[0], weight.shape[2])
    matrix = weight.reshape(-1, weight.shape[2])
    for span, columns in _Columns(features, neighbours.rows):
        torch.mm(columns, matrix, out=result[span])
    return result


def columns_backward(
    gradient: Float[Tensor, "cells outputs"],
    features: Float[Tensor, "cells inputs"],
    weight: Float[Tensor, "volume inputs outputs"],
    neighbours: NeighbourTable,
    needs: tuple[bool, bool],
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of :func:`columns_forward`; one gather of the output's gradient serves both."""
    volume, inputs, outputs = weight.shape
    accumulated = accumulation_dtype(features.dtype)
    to_features = torch.empty_like(features) if needs[0] else None
    to_mirrored = features.new_zeros(inputs, volume * outputs, dtype=accumulated) if needs[1] else None
    matrix = _mirrored(weight).reshape(volume * outputs, inputs)
    for span, columns in _Columns(gradient, neighbours.rows):
        if to_features is not None:
            torch.mm(columns, matrix, out=to_features[span])
        if to_mirrored is not None:
            to_mirrored += torch.mm(features[span].t(), columns).to(accumulated)
    if to_mirrored is None:
        return to_features, None
    to_weight = to_mirrored.view(inputs, volume, outputs).permute(1, 0, 2).flip(0)
    return to_features, to_weight.to(weight.dtype)


def pairs_forward(
    features: Float[Tensor, "cells inputs"],
    weight: Float[Tensor, "volume inputs outputs"],
    neighbours: NeighbourTable,
) -> Float[Tensor, "cells outputs"]:
    """Submanifold convolution, offset by offset: gather, multiply, add."""
    volume, inputs, outputs = weight.shape
    cells, accumulated = features.shape[0], accumulation_dtype(features.dtype)
    result = torch.mm(features, weight[volume // 2]).to(accumulated)
    step = chunk_rows(cells, max(inputs, outputs) * features.element_size(), features.device)
    gathered, product = features.new_empty(step, inputs), features.new_empty(step, outputs)
    for offset, (sources, targets) in enumerate(neighbours.pairs):
        if offset == volume // 2:
            continue
        for span in _spans(sources.shape[0], step):
            count = span.stop - span.start
            torch.index_select(features, 0, sources[span], out=gathered[:count])
            torch.mm(gathered[:count], weight[offset], out=product[:count])
            # Within one offset every cell occurs once: no two additions meet, so the sum is deterministic.
            result.index_add_(0, targets[span], product[:count].to(accumulated))
    return result.to(features.dtype)


def pairs_backward(
    gradient: Float[Tensor, "cells outputs"],
    features: Float[Tensor, "cells inputs"],
    weight: Float[Tensor, "volume inputs outputs"],
    neighbours: NeighbourTable,
    needs: tuple[bool, bool],
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of :func:`pairs_forward`; one gather of the output's gradient serves both."""
    volume, inputs, outputs = weight.shape
    cells, accumulated = features.shape[0], accumulation_dtype(features.dtype)
    centre = volume // 2
    to_features = torch.mm(gradient, weight[centre].t()).to(accumulated) if needs[0] else None
    to_weight = torch.zeros_like(weight, dtype=accumulated) if needs[1] else None
    if to_weight is not None:
        to_weight[centre] = torch.mm(features.t(), gradient)
    step = chunk_rows(cells, max(inputs, outputs) * features.element_size(), features.device)
    gathered, product = features.new_empty(step, outputs), features.new_empty(step, inputs)
    for offset, (sources, targets) in enumerate(neighbours.pairs):
        if offset == centre:
            continue
        for span in _spans(sources.shape[0], step):
            count = span.stop - span.start
            torch.index_select(gradient, 0, targets[span], out=gathered[:count])
            if to_features is not None:
                torch.mm(gathered[:count], weight[offset].t(), out=product[:count])
                to_features.index_add_(0, sources[span], product[:count].to(accumulated))
            if to_weight is not None:
                torch.index_select(features, 0, sources[span], out=product[:count])
                to_weight[offset] += torch.mm(product[:count].t(), gathered[:count])
    return (
        None if to_features is None else to_features.to(features.dtype),
        None if to_weight is None else to_weight.to(weight.dtype),
    )


def prefers_columns(cells: int, inputs: int, outputs: int) -> bool:
    """Whether gathering whole neighbourhoods is the faster way (PERFORMANCE figures on CPU)."""
    return inputs * outputs < _WIDE or cells < _FEW_CELLS


class SubmanifoldFunction(torch.autograd.Function):
    """Submanifold convolution and its gradients; no second derivatives."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, neighbours: NeighbourTable) -> Tensor:
        """Choose the way and convolve."""
        ctx.save_for_backward(features, weight)
        ctx.neighbours = neighbours
        ctx.columns = prefers_columns(features.shape[0], weight.shape[1], weight.shape[2])
        return (columns_forward if ctx.columns else pairs_forward)(features, weight, neighbours)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Go back the same way."""
        features, weight = ctx.saved_tensors
        backward = columns_backward if ctx.columns else pairs_backward
        needs = (ctx.needs_input_grad[0], ctx.needs_input_grad[1])
        return *backward(gradient.contiguous(), features, weight, ctx.neighbours, needs), None


class DownFunction(torch.autograd.Function):
    """Strided convolution, kernel 2, stride 2: every small cell feeds exactly one large one."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, table: ChildTable) -> Tensor:
        """Gather the eight children of each large cell into one row; multiply once."""
        ctx.save_for_backward(features, weight)
        ctx.table = table
        result = features.new_empty(table.children.shape[0], weight.shape[2])
        matrix = weight.reshape(-1, weight.shape[2])
        for span, columns in _Columns(features, table.children):
            torch.mm(columns, matrix, out=result[span])
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Each small cell takes its slot of the large cell's gradient; no two meet."""
        features, weight = ctx.saved_tensors
        table: ChildTable = ctx.table
        gradient = gradient.contiguous()
        to_features = to_weight = None
        if ctx.needs_input_grad[0]:
            to_features = expand_children(gradient, weight.transpose(1, 2), table)
        if ctx.needs_input_grad[1]:
            to_weight = children_outer(features, gradient, table).to(weight.dtype)
        return to_features, to_weight, None


class UpFunction(torch.autograd.Function):
    """Inverse of the strided convolution: every large cell feeds its small ones, each through its slot."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, table: ChildTable) -> Tensor:
        """Multiply each large cell with all eight slots; small cells pick theirs."""
        ctx.save_for_backward(features, weight)
        ctx.table = table
        return expand_children(features, weight, table)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Gather the gradients of the eight children of each large cell; multiply once."""
        features, weight = ctx.saved_tensors
        table: ChildTable = ctx.table
        gradient = gradient.contiguous()
        to_features = torch.empty_like(features) if ctx.needs_input_grad[0] else None
        to_weight = children_outer(gradient, features, table) if ctx.needs_input_grad[1] else None
        if to_features is not None:
            matrix = weight.transpose(1, 2).reshape(-1, weight.shape[1])
            for span, columns in _Columns(gradient, table.children):
                torch.mm(columns, matrix, out=to_features[span])
        if to_weight is not None:
            to_weight = to_weight.transpose(1, 2).to(weight.dtype)
        return to_features, to_weight, None


def expand_children(
    coarse: Float[Tensor, "coarse inputs"], weight: Float[Tensor, "8 inputs outputs"], table: ChildTable
) -> Float[Tensor, "fine outputs"]:
    """Row of each small cell: its large cell's row times the weight of its slot."""
    slots, inputs, outputs = weight.shape
    matrix = weight.permute(1, 0, 2).reshape(inputs, slots * outputs)
    products = torch.mm(coarse, matrix).view(-1, outputs)
    return products.index_select(0, table.parent * slots + table.slot)


def children_outer(
    fine: Float[Tensor, "fine small"], coarse: Float[Tensor, "coarse large"], table: ChildTable
) -> Float[Tensor, "8 small large"]:
    """Sum over large cells of the outer products of each child with its large cell, slot by slot."""
    accumulated = accumulation_dtype(fine.dtype)
    result = fine.new_zeros(8 * fine.shape[1], coarse.shape[1], dtype=accumulated)
    for span, columns in _Columns(fine, table.children):
        result += torch.mm(columns.t(), coarse[span]).to(accumulated)
    return result.view(8, fine.shape[1], coarse.shape[1])


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

    def submanifold(
        self,
        features: Float[Tensor, "cells inputs"],
        weight: Float[Tensor, "volume inputs outputs"],
        neighbours: NeighbourTable,
    ) -> Float[Tensor, "cells outputs"]:
        """``out[i] = sum_k features[neighbour(i, k)] @ weight[k]``."""
        return SubmanifoldFunction.apply(*cast_together(features, weight), neighbours)  # type: ignore[no-any-return]

    def down(
        self, features: Float[Tensor, "fine inputs"], weight: Float[Tensor, "8 inputs outputs"], table: ChildTable
    ) -> Float[Tensor, "coarse outputs"]:
        """``out[j] = sum_k features[child(j, k)] @ weight[k]``."""
        return DownFunction.apply(*cast_together(features, weight), table)  # type: ignore[no-any-return]

    def up(
        self, features: Float[Tensor, "coarse inputs"], weight: Float[Tensor, "8 inputs outputs"], table: ChildTable
    ) -> Float[Tensor, "fine outputs"]:
        """``out[i] = features[parent(i)] @ weight[slot(i)]``."""
        return UpFunction.apply(*cast_together(features, weight), table)  # type: ignore[no-any-return]
