"""Sparse convolution by pairs: for each kernel offset gather, multiply and add only what is there.

Good where channels are many. Works in chunks with two reused buffers, so that memory does not grow with the
kernel. Within one offset every cell occurs at most once, so no two additions meet and the sums are
deterministic.
"""

from collections.abc import Iterable, Iterator

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from ponder_encoders.sparse.rulebook import NeighbourTable
from ponder_encoders.sparse.strided_rulebook import PairTable
from ponder_encoders.sparse.torch_columns import accumulation_dtype, chunk_rows, spans

# Offset, rows of the inputs, rows of the outputs.
OffsetPairs = tuple[int, Int64[Tensor, " pairs"], Int64[Tensor, " pairs"]]


def _chunks(pairs: Iterable[OffsetPairs], step: int) -> Iterator[OffsetPairs]:
    """The pairs of each offset, at most ``step`` at a time."""
    for offset, sources, targets in pairs:
        for span in spans(sources.shape[0], step):
            yield offset, sources[span], targets[span]


def _off_centre(neighbours: NeighbourTable) -> Iterator[OffsetPairs]:
    """All pairs but the centre's, where every cell meets itself."""
    for offset, (sources, targets) in enumerate(neighbours.pairs):
        if offset != neighbours.volume // 2:
            yield offset, sources, targets


def _numbered(table: PairTable) -> Iterator[OffsetPairs]:
    for offset, (sources, targets) in enumerate(table.pairs):
        yield offset, sources, targets


def _add_products(
    result: Float[Tensor, "results outputs"],
    features: Float[Tensor, "cells inputs"],
    weight: Float[Tensor, "volume inputs outputs"],
    pairs: Iterable[OffsetPairs],
) -> None:
    """``result[target] += features[source] @ weight[offset]`` for all pairs."""
    _, inputs, outputs = weight.shape
    rows = max(features.shape[0], result.shape[0])
    step = chunk_rows(rows, max(inputs, outputs) * features.element_size(), features.device)
    gathered, product = features.new_empty(step, inputs), features.new_empty(step, outputs)
    for offset, sources, targets in _chunks(pairs, step):
        count = sources.shape[0]
        torch.index_select(features, 0, sources, out=gathered[:count])
        torch.mm(gathered[:count], weight[offset], out=product[:count])
        result.index_add_(0, targets, product[:count].to(result.dtype))


def _add_gradients(
    gradient: Float[Tensor, "results outputs"],
    features: Float[Tensor, "cells inputs"],
    weight: Float[Tensor, "volume inputs outputs"],
    pairs: Iterable[OffsetPairs],
    to_features: Float[Tensor, "cells inputs"] | None,
    to_weight: Float[Tensor, "volume inputs outputs"] | None,
) -> None:
    """Add the gradients of :func:`_add_products` to what is not None; one gather serves both."""
    _, inputs, outputs = weight.shape
    rows = max(features.shape[0], gradient.shape[0])
    step = chunk_rows(rows, max(inputs, outputs) * features.element_size(), features.device)
    gathered, product = features.new_empty(step, outputs), features.new_empty(step, inputs)
    for offset, sources, targets in _chunks(pairs, step):
        count = sources.shape[0]
        torch.index_select(gradient, 0, targets, out=gathered[:count])
        if to_features is not None:
            torch.mm(gathered[:count], weight[offset].t(), out=product[:count])
            to_features.index_add_(0, sources, product[:count].to(to_features.dtype))
        if to_weight is not None:
            torch.index_select(features, 0, sources, out=product[:count])
            to_weight[offset] += torch.mm(product[:count].t(), gathered[:count])


def pairs_product(
    features: Float[Tensor, "cells inputs"],
    weight: Float[Tensor, "volume inputs outputs"],
    neighbours: NeighbourTable,
) -> Float[Tensor, "cells outputs"]:
    """``out[i] = sum_k features[neighbour(i, k)] @ weight[k]``, added up in at least float32."""
    accumulated = accumulation_dtype(features.dtype)
    result = torch.mm(features, weight[weight.shape[0] // 2]).to(accumulated)
    _add_products(result, features, weight, _off_centre(neighbours))
    return result.to(features.dtype)


def add_pairs_product(
    result: Float[Tensor, "cells outputs"],
    features: Float[Tensor, "cells inputs"],
    weight: Float[Tensor, "volume inputs outputs"],
    neighbours: NeighbourTable,
) -> None:
    """``result[i] += sum_k features[neighbour(i, k)] @ weight[k]``."""
    result.addmm_(features, weight[weight.shape[0] // 2])
    _add_products(result, features, weight, _off_centre(neighbours))


def pairs_gradients(
    gradient: Float[Tensor, "cells outputs"],
    features: Float[Tensor, "cells inputs"],
    weight: Float[Tensor, "volume inputs outputs"],
    neighbours: NeighbourTable,
    needs: tuple[bool, bool],
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of :func:`pairs_product` by features and weight, as far as needed."""
    accumulated, centre = accumulation_dtype(features.dtype), weight.shape[0] // 2
    to_features = torch.mm(gradient, weight[centre].t()).to(accumulated) if needs[0] else None
    to_weight = torch.zeros_like(weight, dtype=accumulated) if needs[1] else None
    if to_weight is not None:
        to_weight[centre] = torch.mm(features.t(), gradient)
    _add_gradients(gradient, features, weight, _off_centre(neighbours), to_features, to_weight)
    return (
        None if to_features is None else to_features.to(features.dtype),
        None if to_weight is None else to_weight.to(weight.dtype),
    )


def strided_product(
    features: Float[Tensor, "cells inputs"],
    weight: Float[Tensor, "volume inputs outputs"],
    table: PairTable,
) -> Float[Tensor, "results outputs"]:
    """``out[o] = sum over pairs (i, o) of offset k of features[i] @ weight[k]``, added up in at least float32."""
    accumulated = accumulation_dtype(features.dtype)
    result = features.new_zeros(table.outputs, weight.shape[2], dtype=accumulated)
    _add_products(result, features, weight, _numbered(table))
    return result.to(features.dtype)


def strided_gradients(
    gradient: Float[Tensor, "results outputs"],
    features: Float[Tensor, "cells inputs"],
    weight: Float[Tensor, "volume inputs outputs"],
    table: PairTable,
    needs: tuple[bool, bool],
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of :func:`strided_product` by features and weight, as far as needed."""
    accumulated = accumulation_dtype(features.dtype)
    to_features = torch.zeros_like(features, dtype=accumulated) if needs[0] else None
    to_weight = torch.zeros_like(weight, dtype=accumulated) if needs[1] else None
    _add_gradients(gradient, features, weight, _numbered(table), to_features, to_weight)
    return (
        None if to_features is None else to_features.to(features.dtype),
        None if to_weight is None else to_weight.to(weight.dtype),
    )
