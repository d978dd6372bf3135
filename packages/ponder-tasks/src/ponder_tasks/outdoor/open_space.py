"""Where a picture shows open sky, told by the LiDAR alone.

Most pixels of a driving picture have no LiDAR return, for beams are few. That alone says nothing. But beams that go up
and do not come back meet nothing, and what stands on the ground does not begin in the air: over the highest return in
a direction there is nothing either, unless that return is of the LiDAR's highest beams, over which it cannot see.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from ponder_data import View
from torch import Tensor


def elevation_of_pixels(view: View) -> Float[Tensor, "height width"]:
    """Return the angle of each pixel's ray over the horizontal plane of the world, radians."""
    u = torch.arange(view.width, dtype=view.depth.dtype)[None, :]
    v = torch.arange(view.height, dtype=view.depth.dtype)[:, None]
    # All four coordinates of the direction are affine in u and v, so no array of vectors is needed.
    inverse = torch.linalg.inv(view.intrinsics.double()).to(view.depth.dtype)
    local = [inverse[row, 0] * u + inverse[row, 1] * v + inverse[row, 2] for row in range(3)]
    length = (local[0].square() + local[1].square() + local[2].square()).sqrt()
    turn = view.camera_to_world[2, :3]
    rise = turn[0] * local[0] + turn[1] * local[1] + turn[2] * local[2]
    return torch.asin((rise / length).clamp(-1, 1))


def highest_beam(coord: Float[Tensor, "points 3"]) -> float:
    """Return the elevation that one return in a thousand exceeds, radians: about that of the LiDAR's highest beam."""
    elevation = torch.atan2(coord[:, 2], torch.linalg.vector_norm(coord[:, :2], dim=1))
    rank = max(1, math.ceil(0.999 * len(elevation)))
    return float(elevation.kthvalue(rank).values)


def open_pixels(view: View, highest: float, margin: float) -> Bool[Tensor, "height width"]:
    """Return the pixels that look into the open sky.

    Columns are taken in bands ``margin`` radians wide. A pixel is open if it looks over the horizon and more than
    ``margin`` over the highest return of its band and both neighbours, and that return is more than ``margin`` under
    the LiDAR's ``highest`` beam (radians). A band without any return is not judged.
    """
    elevation = elevation_of_pixels(view)
    returns = torch.where(view.depth > 0, elevation, torch.full_like(elevation, -torch.inf)).amax(dim=0)
    width = max(1, round(margin * float(view.intrinsics[0, 0])))
    bands = F.pad(returns, (0, -view.width % width), value=-torch.inf).view(-1, width).amax(dim=1)
    top = F.max_pool1d(bands[None, None], kernel_size=3, stride=1, padding=1)[0, 0]
    top = top.repeat_interleave(width)[: view.width]
    clear = torch.isfinite(top) & (top < highest - margin)
    return clear[None, :] & (elevation > 0) & (elevation > top[None, :] + margin)
