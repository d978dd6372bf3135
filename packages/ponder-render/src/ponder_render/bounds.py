"""Axis-aligned boxes in the world, one per volume, and where rays cross them."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ponder_render.rays import RayBundle


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Axis-aligned boxes in world metres, one per volume; ``lower < upper`` in every axis."""

    lower: Float[Tensor, "batch 3"]
    upper: Float[Tensor, "batch 3"]

    @property
    def size(self) -> Float[Tensor, "batch 3"]:
        """Side lengths in metres."""
        return self.upper - self.lower

    def __len__(self) -> int:
        return self.lower.shape[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class RaySpan:
    """The part of each ray inside its box: ``0 <= near < far`` where ``hit``, else ``near = far = 0``."""

    near: Float[Tensor, " rays"]
    far: Float[Tensor, " rays"]
    hit: Bool[Tensor, " rays"]


def intersect(rays: RayBundle, bounds: Bounds) -> RaySpan:
    """Cut every ray, from its own origin, with its own box (slab method).

    A ray that starts inside begins at 0; one that only touches the box, or has it behind, misses. Directions
    need not have unit length: ``near`` and ``far`` are in units of the direction. No gradient flows.
    """
    with torch.no_grad():
        lower = bounds.lower.to(rays.origin)[rays.volume_index]
        upper = bounds.upper.to(rays.origin)[rays.volume_index]
        parallel = rays.direction == 0
        slope = torch.where(parallel, torch.ones_like(rays.direction), rays.direction)
        first, second = (lower - rays.origin) / slope, (upper - rays.origin) / slope
        # A ray parallel to a slab is inside it for ever, or never.
        inside = (rays.origin >= lower) & (rays.origin <= upper)
        always = torch.where(inside, torch.full_like(slope, torch.inf), torch.full_like(slope, -torch.inf))
        enter = torch.where(parallel, -always, torch.minimum(first, second)).amax(dim=1)
        leave = torch.where(parallel, always, torch.maximum(first, second)).amin(dim=1)
        enter = enter.clamp(min=0)
        hit = (enter < leave) & torch.isfinite(leave)
        zero = torch.zeros_like(enter)
        return RaySpan(near=torch.where(hit, enter, zero), far=torch.where(hit, leave, zero), hit=hit)


def scene_bounds(
    lower: Float[Tensor, "batch 3"],
    upper: Float[Tensor, "batch 3"],
    extent: tuple[float, float, float] | None,
    margin: float,
) -> Bounds:
    """Boxes to render in, around scenes that reach from ``lower`` to ``upper`` (metres).

    With an ``extent`` every box has this size, is centred on its scene in x and y, and begins ``margin``
    below the scene's lowest point, so that the floor lies inside. Without one, boxes are the scenes' bounds
    with ``margin`` on all six sides.

    Raises:
        ValueError: when a bound is not finite or a box would have no volume.
    """
    if extent is None:
        bounds = Bounds(lower=lower - margin, upper=upper + margin)
    else:
        size = torch.tensor(extent, dtype=lower.dtype, device=lower.device)
        corner = 0.5 * (lower + upper - size)
        corner = torch.cat([corner[:, :2], lower[:, 2:] - margin], dim=1)
        bounds = Bounds(lower=corner, upper=corner + size)
    broken = ~((bounds.size > 0) & torch.isfinite(bounds.size)).all(dim=1)
    if bool(broken.any()):
        index = int(broken.nonzero()[0])
        raise ValueError(
            f"volume {index}: the box from {bounds.lower[index].tolist()} to {bounds.upper[index].tolist()} "
            "m has no volume; check that the scene's points are finite and give a margin or an extent above 0"
        )
    return bounds
