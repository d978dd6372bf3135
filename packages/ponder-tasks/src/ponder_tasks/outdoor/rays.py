"""Which pixels of a driving picture are rendered: LiDAR returns first, open space not too often."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Int
from ponder_data import Rays, SampleConfig, View, concatenate_rays, draw_distinct, pixel_index_rays
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ponder_tasks.outdoor.box import BoxConfig
from ponder_tasks.outdoor.open_space import open_pixels


class StreetRaysConfig(BaseModel):
    """Which returns count, and how often open space is looked at. How many rays there are, ``sample`` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nearest: float = Field(
        default=3.0, ge=0, description="metres; pixels of nearer returns (the vehicle itself) are not drawn"
    )
    open_share: float = Field(
        default=0.4,
        ge=0,
        le=1,
        description="of the rays that were not drawn for their depth, at most so many look into open space",
    )
    margin: float = Field(
        default=2.0,
        gt=0,
        lt=90,
        description="degrees over the highest return above which sky is open; more than the LiDAR's beams lie apart",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetRays:
    """Rays, and which of them cross the box without meeting anything in it.

    Open rays look into the sky, or their return lies beyond the box. Neither has a distance: it is 0, as missing.
    """

    rays: Rays
    open: Bool[Tensor, " rays"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedPixels:
    """The pixels of a view (row-major) by what is known of them; those of too near returns are in none.

    Attributes:
        sensed: with a return in the box.
        open: that look into open space.
        unknown: all others.
    """

    sensed: Int[Tensor, " sensed"]
    open: Int[Tensor, " open"]
    unknown: Int[Tensor, " unknown"]


def sort_pixels(view: View, highest: float, box: BoxConfig, config: StreetRaysConfig) -> SortedPixels:
    """Sort the pixels of ``view``, whose world is the LiDAR's frame; ``highest`` beam as in ``open_pixels``."""
    returned = torch.nonzero(view.depth.reshape(-1) > 0).squeeze(1)
    rays = pixel_index_rays(view, returned)
    near = rays.distance < config.nearest
    inside = box.contains(rays.origin + rays.distance[:, None] * rays.direction)
    is_open = open_pixels(view, highest, math.radians(config.margin)).reshape(-1)
    is_open[returned] = ~inside & ~near
    known = is_open.clone()
    known[returned] = True
    return SortedPixels(
        sensed=returned[inside & ~near],
        open=torch.nonzero(is_open).squeeze(1),
        unknown=torch.nonzero(~known).squeeze(1),
    )


def draw_pixels(
    pixels: SortedPixels, count: int, depth_share: float, open_share: float, generator: torch.Generator
) -> tuple[Int[Tensor, " rays"], Bool[Tensor, " rays"]]:
    """Draw distinct pixels, at most ``count``, and say which of them are open.

    ``depth_share`` of them are drawn among the sensed ones (all, where there are fewer). The rest is drawn evenly among
    all others, but no more than ``open_share`` of it among the open ones.
    """
    sensed = _some(pixels.sensed, round(depth_share * count), generator)
    rest = count - len(sensed)
    others = len(pixels.open) + len(pixels.unknown)
    natural = len(pixels.open) / others if others else 0.0
    opened = _some(pixels.open, round(rest * min(open_share, natural)), generator)
    unknown = _some(pixels.unknown, rest - len(opened), generator)
    drawn = torch.cat((sensed, opened, unknown))
    is_open = torch.zeros(len(drawn), dtype=torch.bool)
    is_open[len(sensed) : len(sensed) + len(opened)] = True
    return drawn, is_open


def _some(pixels: Int[Tensor, " pixels"], count: int, generator: torch.Generator) -> Int[Tensor, " drawn"]:
    return pixels[draw_distinct(len(pixels), min(count, len(pixels)), generator).to(pixels.device)]


def draw_street_rays(
    views: Sequence[View],
    highest: float,
    box: BoxConfig,
    sample: SampleConfig,
    config: StreetRaysConfig,
    generator: torch.Generator,
) -> StreetRays:
    """Draw the rays of one scene: ``sample.rays_per_view`` of each of ``sample.views_per_scene`` of its views.

    Raises:
        ValueError: when there is no view, or no pixel that can be drawn.
    """
    if not views:
        raise ValueError("there are no pictures to render; pre-train on scenes with cameras")
    chosen = draw_distinct(len(views), min(sample.views_per_scene, len(views)), generator)
    parts, marks = [], []
    for index in chosen.tolist():
        sorted_pixels = sort_pixels(views[index], highest, box, config)
        pixel, is_open = draw_pixels(
            sorted_pixels, sample.rays_per_view, sample.depth_share, config.open_share, generator
        )
        rays = pixel_index_rays(views[index], pixel)
        parts.append(replace(rays, distance=rays.distance.masked_fill(is_open, 0.0)))
        marks.append(is_open)
    drawn = StreetRays(rays=concatenate_rays(parts), open=torch.cat(marks))
    if len(drawn.rays) == 0:
        raise ValueError(
            f"every pixel has a return nearer than {config.nearest} m; lower rays.nearest, or check the depth"
        )
    return drawn
