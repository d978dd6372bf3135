"""Farthest-point sampling: points that cover each scene evenly."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from ponder_encoders.neighbours.distances import check_lengths, plain_precision


@torch.no_grad()
def farthest_points(
    points: Float[Tensor, "points 3"],
    count: int,
    *,
    lengths: tuple[int, ...],
    generator: torch.Generator | None = None,
) -> tuple[Int64[Tensor, " chosen"], tuple[int, ...]]:
    """Choose up to ``count`` points of each scene, each the farthest from all chosen before it.

    Exact and greedy, ``O(points * count)``; all scenes advance together. Of points equally far the first row is
    taken, and no point twice, so duplicates are chosen last.

    Args:
        points: packed positions, in metres.
        count: how many to choose of each scene; a scene with fewer gives all it has.
        lengths: points of each scene.
        generator: chooses each scene's first point; without one it is the scene's first row.

    Returns:
        Rows of the chosen points among all of the batch, scene by scene in the order chosen, and how many each
        scene gave.

    Raises:
        ValueError: ``count`` below 1, or lengths that do not fit.
    """
    if count < 1:
        raise ValueError(f"farthest-point sampling needs a count of at least 1, not {count}")
    check_lengths(lengths, points.shape[0], "points")
    (points,) = plain_precision(points)
    chosen_lengths = tuple(min(count, length) for length in lengths)
    filled = [scene for scene, length in enumerate(lengths) if length]
    if not filled:
        return torch.empty(0, dtype=torch.int64, device=points.device), chosen_lengths
    columns = _choose(points, lengths, filled, max(chosen_lengths), generator)
    starts = [sum(lengths[:scene]) for scene in filled]
    rows = [
        columns[row, : chosen_lengths[scene]] + start
        for row, (scene, start) in enumerate(zip(filled, starts, strict=True))
    ]
    return torch.cat(rows), chosen_lengths


def _choose(
    points: Tensor,
    lengths: tuple[int, ...],
    filled: list[int],
    steps: int,
    generator: torch.Generator | None,
) -> Int64[Tensor, "scenes steps"]:
    """Columns chosen in each scene that has points; what lies beyond a scene's number of points is void."""
    longest = max(lengths)
    scenes = points.split(lengths)
    axes = points.new_zeros(3, len(filled), longest)
    # Squared distance to the nearest chosen point; below zero: not to be chosen (again).
    nearest = points.new_full((len(filled), longest), -1)
    for row, scene in enumerate(filled):
        axes[:, row, : lengths[scene]] = scenes[scene].t()
        nearest[row, : lengths[scene]] = float("inf")
    chosen = torch.zeros(len(filled), steps, dtype=torch.int64, device=points.device)
    if generator is not None:
        draws = torch.rand(len(filled), generator=generator, device=generator.device).tolist()
        first = [int(draw * lengths[scene]) for draw, scene in zip(draws, filled, strict=True)]
        chosen[:, 0] = torch.tensor(first, device=points.device)
    distance, difference = torch.empty_like(nearest), torch.empty_like(nearest)
    for step in range(steps):
        if step:
            chosen[:, step] = nearest.argmax(dim=1)
        current = chosen[:, step : step + 1]
        for axis, coordinates in enumerate(axes):
            torch.sub(coordinates, coordinates.gather(1, current), out=difference)
            if axis == 0:
                torch.mul(difference, difference, out=distance)
            else:
                distance.addcmul_(difference, difference)
        torch.minimum(nearest, distance, out=nearest)
        nearest.scatter_(1, current, -1)
    return chosen
