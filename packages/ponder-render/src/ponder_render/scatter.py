"""The transpose of a weighted gather: add weighted rows into the rows they were read from."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

Terms = list[tuple[Float[Tensor, "samples 8"], Float[Tensor, "samples channels"]]]
"""Pairs of weights and values to be multiplied and summed."""

CPU_BUFFER = 1 << 15
"""Samples that a ``RowSums`` collects on a CPU: more would hardly meet in the same rows more often."""


def scatter_rows(
    cells: int, rows: Int[Tensor, "samples 8"], terms: Terms
) -> Float[Tensor, "{cells} channels"]:
    """``result[rows[m, k]] += sum over terms of weight[m, k] * value[m]``. Without gradient."""
    result = terms[0][1].new_zeros(cells, terms[0][1].shape[1])
    add_rows(result, rows, terms)
    return result


def add_rows(result: Float[Tensor, "cells channels"], rows: Int[Tensor, "samples 8"], terms: Terms) -> None:
    """``scatter_rows``, added to what is in ``result`` already.

    Entries are sorted by row and summed run by run (``embedding_bag`` over the sorted order), so there are no
    atomics and the result is the same in every run.
    """
    with torch.no_grad():
        # 32-bit keys sort faster; a table never has 2^31 rows, for it would not fit in memory.
        sorted_rows, order = torch.sort(rows.reshape(-1).int(), stable=True)
        filled, counts = torch.unique_consecutive(sorted_rows, return_counts=True)
        begin = counts.cumsum(0) - counts
        sample = order // rows.shape[1]
        total = result.index_select(0, filled)
        for weight, values in terms:
            in_order = weight.reshape(-1)[order]
            total += F.embedding_bag(sample, values, begin, per_sample_weights=in_order, mode="sum")
        result.index_copy_(0, filled.long(), total)


class RowSums:
    """Sums of many samples' terms over a table's rows, in memory for the table and ``CPU_BUFFER`` samples.

    Args:
        result: zeros, or what else is to be added to.
    """

    def __init__(self, result: Float[Tensor, "cells channels"]) -> None:
        self.result = result
        self._size = CPU_BUFFER if result.device.type == "cpu" else 1
        self._waiting: list[tuple[Tensor, Terms]] = []
        self._samples = 0

    def add(self, rows: Int[Tensor, "samples 8"], terms: Terms) -> None:
        """Take in more samples; they reach ``result`` when there are enough, or at ``finish``."""
        self._waiting.append((rows, terms))
        self._samples += rows.shape[0]
        if self._samples >= self._size:
            self.finish()

    def finish(self) -> None:
        """Add what is still waiting."""
        if self._waiting:
            rows, terms = zip(*self._waiting, strict=True)
            joined = [
                (torch.cat([weights for weights, _ in parts]), torch.cat([values for _, values in parts]))
                for parts in zip(*terms, strict=True)
            ]
            add_rows(self.result, torch.cat(rows), joined)
        self._waiting, self._samples = [], 0
