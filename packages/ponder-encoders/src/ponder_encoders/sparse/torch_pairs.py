"""Sparse convolution by pairs: for each kernel offset gather, multiply and add only what is there.

Good where channels are many. Works in chunks with two reused buffers, so that memory does not grow with the
kernel. Within one offset every cell occurs at most once, so no two additions meet and the sums are
deterministic.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from ponder_encoders.sparse.rulebook import NeighbourTable
from ponder_encoders.sparse.torch_columns import accumulation_dtype, chunk_rows, spans


def _pair_chunks(neighbours: NeighbourTable, step: int) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Offset, neighbours' rows and cells' rows, at most ``step`` at a time; the centre is left out."""
    for offset, (sources, targets) in enumerate(neighbours.pairs):
        if offset != neighbours.volume // 2:
            for span in spans(sources.shape[0], step):
                yield offset, sources[span], targets[span]


def pairs_product(
    features: Float[Tensor, "cells inputs"],
    weight: Float[Tensor, "volume inputs outputs"],
    neighbours: NeighbourTable,
) -> Float[Tensor, "cells outputs"]:
    """``out[i] = sum_k features[neighbour(i, k)] @ weight[k]``, added up in at least float32."""
    volume, inputs, outputs = weight.shape
    accumulated = accumulation_dtype(features.dtype)
    result = torch.mm(features, weight[volume // 2]).to(accumulated)
    step = chunk_rows(features.shape[0], max(inputs, outputs) * features.element_size(), features.device)
    gathered, product = features.new_empty(step, inputs), features.new_empty(step, outputs)
    for offset, sources, targets in _pair_chunks(neighbours, step):
        count = sources.shape[0]
        torch.index_select(features, 0, sources, out=gathered[:count])
        torch.mm(gathered[:count], weight[offset], out=product[:count])
        result.index_add_(0, targets, product[:count].to(accumulated))
    return result.to(features.dtype)


def pairs_gradients(
    gradient: Float[Tensor, "cells outputs"],
    features: Float[Tensor, "cells inputs"],
    weight: Float[Tensor, "volume inputs outputs"],
    neighbours: NeighbourTable,
    needs: tuple[bool, bool],
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of :func:`pairs_product` by features and weight, as far as needed; one gather serves both."""
    volume, inputs, outputs = weight.shape
    accumulated, centre = accumulation_dtype(features.dtype), volume // 2
    to_features = torch.mm(gradient, weight[centre].t()).to(accumulated) if needs[0] else None
    to_weight = torch.zeros_like(weight, dtype=accumulated) if needs[1] else None
    if to_weight is not None:
        to_weight[centre] = torch.mm(features.t(), gradient)
    step = chunk_rows(features.shape[0], max(inputs, outputs) * features.element_size(), features.device)
    gathered, product = features.new_empty(step, outputs), features.new_empty(step, inputs)
    for offset, sources, targets in _pair_chunks(neighbours, step):
        count = sources.shape[0]
        torch.index_select(gradient, 0, targets, out=gathered[:count])
        if to_features is not None:
            torch.mm(gathered[:count], weight[offset].t(), out=product[:count])
            to_features.index_add_(0, sources, product[:count].to(accumulated))
        if to_weight is not None:
            torch.index_select(features, 0, sources, out=product[:count])
            to_weight[offset] += torch.mm(product[:count].t(), gathered[:count])
    return (
        None if to_features is None else to_features.to(features.dtype),
        None if to_weight is None else to_weight.to(weight.dtype),
    )
