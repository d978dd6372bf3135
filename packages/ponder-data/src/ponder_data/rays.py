"""Rays: pixels of posed views as half-lines in the world, with what the sensors measured there.

A ray is ``p(t) = origin + t * direction`` with a direction of unit length, so ``t`` is the distance from the
camera in metres and not the z-depth; a pixel's z-depth is ``t * cosine``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ponder_data.depth import pixel_rays
from ponder_data.draws import draw_distinct
from ponder_data.scene import IGNORE_LABEL, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Rays:
    """Rays of a batch and their targets.

    Attributes:
        origin: metres, world frame.
        direction: unit vectors, world frame.
        scene_index: which scene of the batch each ray belongs to.
        color: the pixel's colour in [0, 1].
        distance: sensed distance along the ray in metres (z-depth / cosine), 0 where missing.
        cosine: cosine of the angle between the ray and the camera's axis.
        semantic: the pixel's class, -1 where unknown.
    """

    origin: Float[Tensor, "rays 3"]
    direction: Float[Tensor, "rays 3"]
    scene_index: Int[Tensor, " rays"]
    color: Float[Tensor, "rays 3"]
    distance: Float[Tensor, " rays"]
    cosine: Float[Tensor, " rays"]
    semantic: Int[Tensor, " rays"]

    def __len__(self) -> int:
        return self.origin.shape[0]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Rays":
        """Return the rays on ``device``."""
        return Rays(
            **{f.name: getattr(self, f.name).to(device, non_blocking=non_blocking) for f in fields(self)}
        )

    def pin_memory(self) -> "Rays":
        """Return the rays in page-locked memory, from which copies to a GPU run beside the host's work."""
        return Rays(**{f.name: getattr(self, f.name).pin_memory() for f in fields(self)})


def pixel_index_rays(view: View, pixel: Int[Tensor, " rays"], scene_index: int = 0) -> Rays:
    """Return the rays through chosen pixels of a view; ``pixel`` is row-major: ``row * width + column``."""
    u = (pixel % view.width).to(view.depth.dtype)
    v = torch.div(pixel, view.width, rounding_mode="floor").to(view.depth.dtype)
    local = pixel_rays(u, v, view.intrinsics)
    length = torch.linalg.vector_norm(local, dim=-1)
    unknown = torch.full_like(pixel, IGNORE_LABEL)
    return Rays(
        origin=view.camera_to_world[:3, 3].expand(pixel.shape[0], 3).contiguous(),
        direction=(local / length[:, None]) @ view.camera_to_world[:3, :3].T,
        scene_index=torch.full_like(pixel, scene_index),
        color=view.color.reshape(-1, 3)[pixel],
        distance=view.depth.reshape(-1)[pixel] * length,
        cosine=1.0 / length,
        semantic=unknown if view.semantic is None else view.semantic.reshape(-1)[pixel].long(),
    )


def view_rays(view: View, scene_index: int = 0) -> Rays:
    """Return the rays of all pixels of a view, row by row: what is needed to render the whole picture."""
    return pixel_index_rays(
        view, torch.arange(view.height * view.width, device=view.depth.device), scene_index=scene_index
    )


def _draw_pixels(
    view: View, count: int, generator: torch.Generator, depth_share: float
) -> Int[Tensor, " rays"]:
    """Draw distinct pixels of a view, at least ``depth_share`` of them with depth if there are as many.

    A virtual picture has no colour where it has no depth: there, nothing is drawn.
    """
    if view.source == "virtual":
        seen = torch.nonzero(view.depth.reshape(-1) > 0).squeeze(1)
        drawn = draw_distinct(seen.shape[0], min(count, seen.shape[0]), generator)
        return seen[drawn.to(seen.device)]
    pixels = view.height * view.width
    count = min(count, pixels)
    device = view.depth.device
    anywhere = draw_distinct(pixels, count, generator).to(device)
    wanted = round(depth_share * count)
    if wanted == 0:
        return anywhere
    sensed = torch.nonzero(view.depth.reshape(-1) > 0).squeeze(1)
    preferred = sensed[draw_distinct(sensed.shape[0], min(wanted, sensed.shape[0]), generator).to(device)]
    # At most len(preferred) of the `count` drawn anywhere repeat a preferred one, so enough others are left.
    others = anywhere[~torch.isin(anywhere, preferred)]
    return torch.cat((preferred, others[: count - preferred.shape[0]]))


def sample_rays(
    views: Sequence[View],
    rays_per_view: int,
    generator: torch.Generator,
    scene_index: int = 0,
    depth_share: float = 0.0,
) -> Rays:
    """Draw random pixels of every view as rays, without repeating a pixel.

    Pixels of virtual views that see nothing have neither colour nor depth and are not drawn.

    Args:
        views: at least one; they may differ in size.
        rays_per_view: pixels of each view; all of them where a view has fewer.
        generator: the only source of randomness.
        scene_index: written to every ray.
        depth_share: this share of each view's rays, in [0, 1], is drawn among pixels with sensed depth (all
            of those, where there are fewer), the rest among all pixels. 0 draws uniformly.

    Raises:
        ValueError: when there is no view, ``rays_per_view`` is below 1 or ``depth_share`` outside [0, 1].
    """
    if len(views) == 0:
        raise ValueError(
            "sample_rays: there are no views; give the scene posed pictures, or do not ask for rays"
        )
    if rays_per_view < 1:
        raise ValueError(f"sample_rays: rays_per_view is {rays_per_view}; it must be at least 1")
    if not 0.0 <= depth_share <= 1.0:
        raise ValueError(f"sample_rays: depth_share is {depth_share}; it must lie between 0 and 1")
    return concatenate_rays(
        [
            pixel_index_rays(view, _draw_pixels(view, rays_per_view, generator, depth_share), scene_index)
            for view in views
        ]
    )


def concatenate_rays(rays: Sequence[Rays]) -> Rays:
    """Return all rays as one, in order.

    Raises:
        ValueError: when there is nothing to concatenate.
    """
    if len(rays) == 0:
        raise ValueError("concatenate_rays: got no rays at all")
    return Rays(**{f.name: torch.cat([getattr(part, f.name) for part in rays]) for f in fields(Rays)})


def with_scene_index(rays: Rays, scene_index: int) -> Rays:
    """Return the rays as belonging to scene ``scene_index`` of the batch."""
    return replace(rays, scene_index=torch.full_like(rays.scene_index, scene_index))
