"""The area that two rectangles share, by clipping one with the other, without branches or lists of vertices.

Seen from the second rectangle, which then is the region ``|x| <= a, |y| <= b``, the shared area is an integral
around the edges of the first (Green's theorem): with ``X`` and ``Y`` clamped to the region, ``area = -∮ Y dX``,
because at every ``x`` the upper and the lower edge, clamped, bound what is shared. Along an edge both are piecewise
linear with at most four kinks, where the edge crosses the lines ``x = ±a`` and ``y = ±b``; between kinks the
trapezoidal rule is exact.

Nothing depends on the order of vertices or on which of two coincident edges lies outside, so rounding changes the
area by rounding only: touching, identical and flat rectangles need no special case.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from ponder_tasks.boxes.corners import bev_corners, turned
from ponder_tasks.boxes.oriented_boxes import OrientedBoxes

# An edge that moves less than this along an axis (m) crosses no line across that axis; what that leaves out of the
# area is smaller than rounding.
_STILL = 1e-9


def shared_area(first: OrientedBoxes, second: OrientedBoxes) -> Float[Tensor, " pairs"]:
    """Return the area (m²) shared, seen from above, by each box of ``first`` and the one of ``second`` beside it.

    Gradients reach centres, sizes and headings of both; they are finite everywhere.
    """
    heading = second.heading[:, None]
    # Differences first: far from the origin corners in world coordinates would lose digits.
    moved = OrientedBoxes(center=first.center - second.center, size=first.size, heading=first.heading)
    corners = turned(bev_corners(moved), -heading)
    half = 0.5 * second.size[:, None, None, :2]
    ends = torch.roll(corners, shifts=-1, dims=1)
    places = _kinks(corners, ends, half)[..., None]
    clamped = torch.lerp(corners[:, :, None], ends[:, :, None], places)
    clamped = torch.maximum(torch.minimum(clamped, half), -half)
    x, y = clamped.unbind(dim=-1)
    pieces = 0.5 * (y[..., 1:] + y[..., :-1]) * (x[..., 1:] - x[..., :-1])
    return (-pieces.sum(dim=(1, 2))).clamp_min(0)


def _kinks(
    starts: Float[Tensor, "pairs 4 2"], ends: Float[Tensor, "pairs 4 2"], half: Float[Tensor, "pairs 1 1 2"]
) -> Float[Tensor, "pairs 4 6"]:
    """Return where along each edge the clamped coordinates may bend, rising from 0 to 1."""
    step = ends - starts
    still = step.abs() < _STILL
    safe = torch.where(still, 1.0, step)
    bounds = half[:, :, 0]
    crossings = [torch.where(still, 0.0, (bound - starts) / safe) for bound in (bounds, -bounds)]
    within = torch.cat(crossings, dim=2).clamp(0, 1).sort(dim=2).values
    zero = torch.zeros_like(within[..., :1])
    return torch.cat((zero, within, zero + 1), dim=2)
