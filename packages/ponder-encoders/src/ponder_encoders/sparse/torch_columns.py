"""Sparse convolution by columns: gather the whole neighbourhood of a cell into one row, multiply once.

Good where channels are few: the arithmetic wasted on empty neighbours then costs less than many small
steps. Works in chunks with one reused buffer, so that memory does not grow with the kernel.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int32
from torch import Tensor

# Gathered columns stay in a CPU core's cache; an accelerator wants few, large steps instead.
_CHUNK_BYTES_CPU = 2 << 20
_CHUNK_BYTES_OTHER = 256 << 20
_FEWEST_ROWS = 128


def chunk_rows(rows: int, row_bytes: int, device: torch.device) -> int:
    """How many rows of ``row_bytes`` bytes to work on at a time."""
    budget = _CHUNK_BYTES_CPU if device.type == "cpu" else _CHUNK_BYTES_OTHER
    return max(1, min(rows, max(_FEWEST_ROWS, budget // row_bytes)))


def spans(length: int, step: int) -> Iterator[slice]:
    """Cut ``range(length)`` into slices of at most ``step``."""
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def accumulation_dtype(dtype: torch.dtype) -> torch.dtype:
    """The type to add up many terms in: half-precision types add up in float32."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype


def with_zero_row(source: Float[Tensor, "cells channels"]) -> Float[Tensor, "cells_and_1 channels"]:
    """A copy with one more row, of zeros, which stands for missing neighbours."""
    return torch.cat([source, source.new_zeros(1, source.shape[1])])


class Columns:
    """Chunks of gathered neighbourhoods, ``(rows, offsets * channels)``; each overwrites the one before.

    Args:
        padded: features to gather, and a row of zeros after them.
        rows: for each output which rows of ``padded``, at each offset; the last where there is none.
    """

    def __init__(
        self, padded: Float[Tensor, "cells_and_1 channels"], rows: Int32[Tensor, "outputs offsets"]
    ) -> None:
        self._padded = padded
        self._rows = rows
        width = rows.shape[1] * padded.shape[1]
        self._step = chunk_rows(rows.shape[0], width * padded.element_size(), padded.device)
        self._buffer = padded.new_empty(self._step * rows.shape[1], padded.shape[1])

    def __iter__(self) -> Iterator[tuple[slice, Float[Tensor, "rows width"]]]:
        """Which outputs, and their columns."""
        for span in spans(self._rows.shape[0], self._step):
            wanted = self._rows[span].reshape(-1)
            gathered = self._buffer[: wanted.shape[0]]
            torch.index_select(self._padded, 0, wanted, out=gathered)
            yield span, gathered.view(span.stop - span.start, -1)


def columns_product(
    source: Float[Tensor, "cells inputs"],
    weight: Float[Tensor, "offsets inputs outputs"],
    rows: Int32[Tensor, "results offsets"],
) -> Float[Tensor, "results outputs"]:
    """``out[i] = sum_k source[rows[i, k]] @ weight[k]``."""
    result = source.new_empty(rows.shape[0], weight.shape[2])
    matrix = weight.reshape(-1, weight.shape[2])
    for span, columns in Columns(with_zero_row(source), rows):
        torch.mm(columns, matrix, out=result[span])
    return result


def add_columns_product(
    result: Float[Tensor, "results outputs"],
    padded: Float[Tensor, "cells_and_1 inputs"],
    weight: Float[Tensor, "offsets inputs outputs"],
    rows: Int32[Tensor, "results offsets"],
) -> None:
    """``result[i] += sum_k padded[rows[i, k]] @ weight[k]``; ``padded`` ends in a row of zeros."""
    matrix = weight.reshape(-1, weight.shape[2])
    for span, columns in Columns(padded, rows):
        result[span].addmm_(columns, matrix)


def columns_outer(
    source: Float[Tensor, "cells inputs"],
    other: Float[Tensor, "results outputs"],
    rows: Int32[Tensor, "results offsets"],
) -> Float[Tensor, "offsets inputs outputs"]:
    """``out[k] = sum_i outer(source[rows[i, k]], other[i])``, added up in at least float32."""
    accumulated = accumulation_dtype(source.dtype)
    result = source.new_zeros(rows.shape[1] * source.shape[1], other.shape[1], dtype=accumulated)
    for span, columns in Columns(with_zero_row(source), rows):
        if source.dtype == accumulated:
            result.addmm_(columns.t(), other[span])
        else:
            result += torch.mm(columns.t(), other[span]).to(accumulated)
    return result.view(rows.shape[1], source.shape[1], other.shape[1])
