"""Squared distances between every query and every point of one scene, a chunk of queries at a time."""

from collections.abc import Iterator
from itertools import accumulate

import torch
from jaxtyping import Float
from torch import Tensor

# A chunk stays in a CPU core's cache; an accelerator wants few, large steps instead.
CHUNK_BYTES_CPU = 4 << 20
CHUNK_BYTES_OTHER = 256 << 20

# Up to here the difference of each axis is squared, which is exact to rounding. Beyond, a matrix product is
# many times faster, and what cancellation costs (1e-6 of the squared extent) matters less.
_FEW_AXES = 4


def scene_spans(
    query_lengths: tuple[int, ...], point_lengths: tuple[int, ...]
) -> Iterator[tuple[slice, slice]]:
    """Rows of the queries and of the points of each scene that has queries.

    Raises:
        ValueError: the numbers of scenes differ, or a scene has queries but no points.
    """
    if len(query_lengths) != len(point_lengths):
        raise ValueError(
            f"queries come from {len(query_lengths)} scenes, but points from {len(point_lengths)}"
        )
    ends = zip(accumulate(query_lengths), accumulate(point_lengths), strict=True)
    for scene, (query_end, point_end) in enumerate(ends):
        queries, points = query_lengths[scene], point_lengths[scene]
        if queries and not points:
            raise ValueError(f"scene {scene} has {queries} queries, but no points to find")
        if queries:
            yield slice(query_end - queries, query_end), slice(point_end - points, point_end)


def check_lengths(lengths: tuple[int, ...], rows: int, name: str) -> None:
    """Raise ``ValueError`` unless the lengths of the scenes add up to the rows."""
    if sum(lengths) != rows or min(lengths, default=0) < 0:
        raise ValueError(f"the scenes' lengths {lengths} must add up to the {rows} {name}")


def squared_distances(
    queries: Float[Tensor, "queries axes"], points: Float[Tensor, "points axes"]
) -> Iterator[tuple[slice, Float[Tensor, "chunk points"]]]:
    """Chunks of the table of squared distances; each overwrites the one before.

    Yields:
        Which queries, and their squared distances to all points. With more than a few axes they come from a
        matrix product around the points' mean, and are never below zero.
    """
    count = points.shape[0]
    budget = CHUNK_BYTES_CPU if points.device.type == "cpu" else CHUNK_BYTES_OTHER
    step = max(1, min(queries.shape[0], budget // (count * points.element_size())))
    buffer = points.new_empty(step, count)
    few = points.shape[1] <= _FEW_AXES
    chunk_distances = _Differences(points, step) if few else _Products(points)
    for start in range(0, queries.shape[0], step):
        span = slice(start, min(start + step, queries.shape[0]))
        out = buffer[: span.stop - span.start]
        chunk_distances(queries[span], out)
        yield span, out


class _Differences:
    """By the difference along each axis."""

    def __init__(self, points: Tensor, step: int) -> None:
        self._axes = points.t().contiguous()
        self._difference = points.new_empty(step, points.shape[0])

    def __call__(self, queries: Tensor, out: Tensor) -> None:
        difference = self._difference[: queries.shape[0]]
        for axis, coordinates in enumerate(self._axes):
            torch.sub(queries[:, axis : axis + 1], coordinates, out=difference)
            if axis == 0:
                torch.mul(difference, difference, out=out)
            else:
                out.addcmul_(difference, difference)


class _Products:
    """By ``|q - p|^2 = |q|^2 + |p|^2 - 2 q . p``, around the mean, where cancellation is least."""

    def __init__(self, points: Tensor) -> None:
        self._mean = points.mean(dim=0)
        self._points = points - self._mean
        self._norms = self._points.square().sum(dim=1)

    def __call__(self, queries: Tensor, out: Tensor) -> None:
        queries = queries - self._mean
        torch.addmm(self._norms, queries, self._points.t(), alpha=-2, out=out)
        out.add_(queries.square().sum(dim=1, keepdim=True)).clamp_(min=0)


def plain_precision(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Detached, in float32, or in float64 where any of them is: half precision cannot tell neighbours apart."""
    double = any(tensor.dtype == torch.float64 for tensor in tensors)
    return tuple(tensor.detach().to(torch.float64 if double else torch.float32) for tensor in tensors)
