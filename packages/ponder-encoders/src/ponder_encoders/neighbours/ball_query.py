"""Points within a radius of each query, up to a number, scene by scene."""

import torch
from jaxtyping import Float
from torch import Tensor

from ponder_encoders.neighbours.distances import (
    check_lengths,
    plain_precision,
    scene_spans,
    squared_distances,
)
from ponder_encoders.neighbours.nearest import Neighbours


@torch.no_grad()
def points_in_balls(
    queries: Float[Tensor, "queries 3"],
    points: Float[Tensor, "points 3"],
    radius: float,
    limit: int,
    *,
    query_lengths: tuple[int, ...],
    point_lengths: tuple[int, ...],
) -> Neighbours:
    """The first ``limit`` points, in the order of their rows, nearer to each query than ``radius``.

    The order of rows, as PointNet++ has it, and not that of distance: in a cloud whose rows are shuffled these are
    a sample of the whole ball, while the nearest ones of a dense cloud would shrink the ball.

    Args:
        queries: packed centres of the balls, in metres.
        points: packed points, in metres.
        radius: in metres; a point at exactly this distance is outside.
        limit: how many to return.
        query_lengths: queries of each scene.
        point_lengths: points of each scene.

    Returns:
        ``limit`` neighbours of each query; a ball with fewer repeats its first. An empty ball
        (``found == 0``) holds the point nearest to it.

    Raises:
        ValueError: a radius or limit that is not positive, lengths that do not fit, or a scene with queries and
            no points.
    """
    if radius <= 0 or limit < 1:
        raise ValueError(
            f"a ball query needs a positive radius and limit, not radius {radius} and limit {limit}"
        )
    check_lengths(query_lengths, queries.shape[0], "queries")
    check_lengths(point_lengths, points.shape[0], "points")
    queries, points = plain_precision(queries, points)
    index = torch.empty(queries.shape[0], limit, dtype=torch.int64, device=queries.device)
    found = torch.empty(queries.shape[0], dtype=torch.int64, device=queries.device)
    for of_queries, of_points in scene_spans(query_lengths, point_lengths):
        scene_index, scene_found = index[of_queries], found[of_queries]
        for chunk, distances in squared_distances(queries[of_queries], points[of_points]):
            first, count = _first_inside(distances, radius**2, limit)
            scene_index[chunk] = first + of_points.start
            scene_found[chunk] = count
    return Neighbours(index=index, found=found)


def _first_inside(distances: Tensor, limit_squared: float, limit: int) -> tuple[Tensor, Tensor]:
    """For each row the first columns whose squared distance is below the limit, and how many there are."""
    count = distances.shape[1]
    columns = torch.arange(count, dtype=torch.int32, device=distances.device)
    order = torch.where(distances < limit_squared, columns, count)
    real = min(limit, count)
    first = order.topk(real, dim=1, largest=False).values
    inside = first < count
    first = torch.where(inside[:, :1], first, distances.argmin(dim=1, keepdim=True).to(torch.int32))
    result = first[:, :1].to(torch.int64).repeat(1, limit)
    result[:, :real] = torch.where(inside, first, first[:, :1])
    return result, inside.sum(dim=1)
