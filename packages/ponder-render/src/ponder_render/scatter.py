"""The transpose of a weighted gather: add weighted rows into the rows they were read from."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def scatter_rows(
    cells: int,
    rows: Int[Tensor, "samples 8"],
    terms: list[tuple[Float[Tensor, "samples 8"], Float[Tensor, "samples channels"]]],
) -> Float[Tensor, "{cells} channels"]:
    """``result[rows[m, k]] += sum over terms of weight[m, k] * value[m]``.

    Entries are sorted by row and summed run by run (``embedding_bag`` over the sorted order), so there are no
    atomics and the result is the same in every run. Without gradient.
    """
    value = terms[0][1]
    with torch.no_grad():
        # 32-bit keys sort faster; a table never has 2^31 rows, for it would not fit in memory.
        sorted_rows, order = torch.sort(rows.reshape(-1).int(), stable=True)
        filled, counts = torch.unique_consecutive(sorted_rows, return_counts=True)
        begin = counts.cumsum(0) - counts
        sample = order // rows.shape[1]
        total = None
        for weight, values in terms:
            part = F.embedding_bag(
                sample, values.contiguous(), begin, per_sample_weights=weight.reshape(-1)[order], mode="sum"
            )
            total = part if total is None else total.add_(part)
        result = value.new_zeros(cells, value.shape[1])
        return result if total is None else result.index_copy_(0, filled.long(), total)
