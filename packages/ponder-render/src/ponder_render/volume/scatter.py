"""The transpose of a weighted gather: add weighted rows into the rows they were read from."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

Terms = list[tuple[Float[Tensor, "samples 8"], Float[Tensor, "samples channels"]]]
"""Pairs of weights and values to be multiplied and summed."""


def scatter_rows(
    cells: int, rows: Int[Tensor, "samples 8"], terms: Terms
) -> Float[Tensor, "{cells} channels"]:
    """``result[rows[m, k]] += sum over terms of weight[m, k] * value[m]``. Without gradient."""
    result = terms[0][1].new_zeros(cells, terms[0][1].shape[1])
    add_rows(result, rows, terms)
    return result


def add_rows(result: Float[Tensor, "cells channels"], rows: Int[Tensor, "samples 8"], terms: Terms) -> None:
    """``scatter_rows``, added to what is in ``result`` already."""
    with torch.no_grad():
        sort_rows(rows).sums(terms).add_to(result)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSums:
    """What is to be added to some rows of a table; each row once, in rising order."""

    rows: Int[Tensor, " filled"]
    values: Float[Tensor, "filled channels"]

    def add_to(self, result: Float[Tensor, "cells channels"]) -> None:
        """Add to these rows of ``result``."""
        result.index_add_(0, self.rows, self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOrder:
    """Entries ``(sample, corner)`` sorted by the row they belong to, for any number of scatters.

    Summing run by run (``embedding_bag`` over the sorted order) gives the same result every time.

    Attributes:
        rows: those that are met, in rising order.
        begin: first entry of each.
        order: the sorted entries, as indices of the flattened ``(samples, 8)``.
    """

    rows: Int[Tensor, " filled"]
    begin: Int[Tensor, " filled"]
    order: Int[Tensor, " entries"]

    def sums(self, terms: Terms) -> RowSums:
        """``scatter_rows``, for the rows that are met."""
        sample, total = self.order >> 3, None
        for weights, values in terms:
            # Selecting by index_select is many times faster than by brackets on a CPU.
            in_order = weights.reshape(-1).index_select(0, self.order)
            sums = F.embedding_bag(
                sample, values.contiguous(), self.begin, per_sample_weights=in_order, mode="sum"
            )
            total = sums if total is None else total.add_(sums)
        assert total is not None, "there is at least one term"
        return RowSums(rows=self.rows, values=total)


def sort_rows(rows: Int[Tensor, "samples 8"]) -> RowOrder:
    """Sort the entries of ``rows``."""
    # 32-bit keys sort faster; a table never has 2^31 rows, for it would not fit in memory.
    sorted_rows, order = torch.sort(rows.reshape(-1).int(), stable=True)
    filled, counts = torch.unique_consecutive(sorted_rows, return_counts=True)
    return RowOrder(rows=filled.long(), begin=counts.cumsum(0) - counts, order=order)
