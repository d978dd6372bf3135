"""The k nearest points of each query (k-NN), scene by scene."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from ponder_encoders.neighbours.distances import (
    check_lengths,
    plain_precision,
    scene_spans,
    squared_distances,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """A fixed number of neighbours of each query.

    Attributes:
        index: rows of the neighbours among all points of the batch. Where fewer were found than asked for, the
            first one is repeated.
        found: how many of them are not repetitions.
    """

    index: Int64[Tensor, "queries k"]
    found: Int64[Tensor, " queries"]


@torch.no_grad()
def nearest_neighbours(
    queries: Float[Tensor, "queries axes"],
    points: Float[Tensor, "points axes"],
    k: int,
    *,
    query_lengths: tuple[int, ...],
    point_lengths: tuple[int, ...],
) -> Neighbours:
    """The ``k`` points nearest to each query, of its own scene, by rising distance; itself if it is one of them.

    Of points at the same distance any may come first. Distances are exact to rounding with up to four axes; with
    more (feature spaces) they come from matrix products, see :func:`squared_distances`.

    Args:
        queries: packed positions, or features.
        points: packed likewise, with as many axes.
        k: how many.
        query_lengths: queries of each scene.
        point_lengths: points of each scene.

    Returns:
        ``k`` neighbours of each query; where a scene has fewer points, the nearest is repeated.

    Raises:
        ValueError: ``k`` below 1, lengths that do not fit, or a scene with queries and no points.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    check_lengths(query_lengths, queries.shape[0], "queries")
    check_lengths(point_lengths, points.shape[0], "points")
    queries, points = plain_precision(queries, points)
    index = torch.empty(queries.shape[0], k, dtype=torch.int64, device=queries.device)
    found = torch.empty(queries.shape[0], dtype=torch.int64, device=queries.device)
    with torch.autocast(queries.device.type, enabled=False):
        for of_queries, of_points in scene_spans(query_lengths, point_lengths):
            real = min(k, of_points.stop - of_points.start)
            scene_index = index[of_queries]
            for chunk, distances in squared_distances(queries[of_queries], points[of_points]):
                nearest = distances.topk(real, dim=1, largest=False).indices
                scene_index[chunk, :real] = nearest + of_points.start
            scene_index[:, real:] = scene_index[:, :1]
            found[of_queries] = real
    return Neighbours(index=index, found=found)
