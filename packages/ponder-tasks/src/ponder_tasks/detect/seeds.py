"""Seeds: which points vote. Spread evenly over a scene, or over what lies on objects, where points say so.

Votes of walls and floors go where they like, for nothing holds them, and clusters are chosen by farthest votes: where
few points lie on objects, nearly all clusters are of nothing, however well the others vote.
"""

from itertools import accumulate

import torch
from jaxtyping import Float, Int
from ponder_encoders.neighbours import farthest_points
from ponder_encoders.set_abstraction import PointLevel
from torch import Tensor

LIKELY = 0.5
"""Probability of an object from which a point may be a seed, however many there are."""


@torch.no_grad()
def even_seeds(points: PointLevel, count: int) -> Int[Tensor, " seeds"]:
    """Return the rows of ``count`` farthest points of each scene; of all in their order where none has more."""
    if max(points.lengths) <= count:
        return torch.arange(points.positions.shape[0], device=points.positions.device)
    return farthest_points(points.positions, count, lengths=points.lengths)[0]


@torch.no_grad()
def likely_seeds(
    points: PointLevel, score: Float[Tensor, "points kinds"], count: int
) -> Int[Tensor, " seeds"]:
    """Return the rows of ``count`` farthest points of each scene among those that are likely to lie on an object.

    These are the points of which an object is more likely than none, or, where they are fewer, the ``count`` likeliest.

    Args:
        points: of all scenes.
        score: of each class and, last, of none.
        count: how many of each scene; a scene with fewer points gives all.
    """
    chance = 1.0 - score.softmax(dim=1)[:, -1]
    ends = accumulate(points.lengths)
    candidates = []
    for end, length in zip(ends, points.lengths, strict=True):
        own = chance[end - length : end]
        wanted = min(length, max(count, int((own > LIKELY).sum())))
        candidates.append(own.topk(wanted).indices.sort().values + end - length)
    rows = torch.cat(candidates)
    lengths = tuple(len(own) for own in candidates)
    return rows[farthest_points(points.positions[rows], count, lengths=lengths)[0]]


def take_points(points: PointLevel, rows: Int[Tensor, " taken"], count: int) -> PointLevel:
    """Return the points at ``rows``, which hold ``count`` of each scene, or all of one that has fewer."""
    return PointLevel(
        positions=points.positions[rows],
        features=points.features[rows],
        lengths=tuple(min(count, length) for length in points.lengths),
        index=points.index[rows],
    )
