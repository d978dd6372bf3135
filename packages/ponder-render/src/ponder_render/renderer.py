"""The volume renderer: point features in, pictures out."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ponder_render.bounds import RaySpan, intersect, scene_bounds
from ponder_render.compositing import accumulate, render_weights
from ponder_render.corners import Border
from ponder_render.dense import DenseNetConfig, build_dense_net
from ponder_render.density import DensityConfig, NeusConfig, build_density
from ponder_render.evaluation import FlatValues, evaluate_field, evaluate_sdf
from ponder_render.field import FieldConfig, NeuralField
from ponder_render.initialisation import initialise_rectified
from ponder_render.placement import Placement, join_placements, place
from ponder_render.rays import FieldValues, RayBundle, Rendered, Samples
from ponder_render.sampling import (
    SamplerConfig,
    depth_guided_distances,
    importance_distances,
    intervals,
    merge_distances,
    uniform_distances,
)
from ponder_render.volume import FeatureVolume, densify, to_table

DistanceForm = Literal["sum", "normalized", "far"]


class RendererConfig(BaseModel):
    """Everything about the decoder: volume, networks and sampling."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    volume_shape: tuple[int, int, int] = Field(default=(64, 64, 32), description="cells along x, y and z")
    extent: tuple[float, float, float] | None = Field(
        default=None,
        description="size of every box in metres, centred on its scene in x and y and standing on its floor; "
        "None: each scene's own bounds",
    )
    margin: float = Field(default=0.1, ge=0, description="metres of space around the scene's bounds")
    border: Border = Field(default="clamp", description="features beyond the outermost cell centres")
    dense: DenseNetConfig = DenseNetConfig()
    field: FieldConfig = FieldConfig()
    density: DensityConfig = NeusConfig()
    sampler: SamplerConfig = SamplerConfig()
    distance: DistanceForm = Field(
        default="sum",
        description="sum: Eq. 6 as it stands; normalized: divided by the opacity; far: light that passes "
        "all samples counts as the far side of the box",
    )
    recompute: bool = Field(
        default=False,
        description="evaluate the field again in the backward pass instead of keeping its activations: slower, with "
        "less memory",
    )
    background: tuple[float, float, float] | None = Field(
        default=None, description="colour behind the volume; None: black, as Eq. 6 has it"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedRays:
    """Composited rays alone: what pictures are made of. The fields are those of ``Rendered``."""

    color: Float[Tensor, "rays 3"] | None
    distance: Float[Tensor, " rays"]
    normal: Float[Tensor, "rays 3"]
    semantic: Float[Tensor, "rays channels"] | None
    opacity: Float[Tensor, " rays"]


class VolumeRenderer(nn.Module):
    """Renders feature volumes with NeuS (Eq. 2-7). Computes in float32 (or float64), whatever autocast says.

    Args:
        config: sizes and settings.
        in_channels: channels of the point features.
    """

    def __init__(self, config: RendererConfig, in_channels: int) -> None:
        super().__init__()
        self.config = config
        width = config.dense.projected_channels
        self.project = nn.Identity() if width is None else nn.Linear(in_channels, width, bias=False)
        self.dense = build_dense_net(config.dense, in_channels if width is None else width)
        self.field = NeuralField(config.field, config.dense.channels)
        for part in (self.project, self.dense, self.field.color_head, self.field.semantic_head):
            if part is not None:
                initialise_rectified(part)
        self.density = build_density(config.density)

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in: float32, or float64 after ``double()``."""
        return next(self.field.parameters()).dtype

    def build_volume(
        self,
        features: Float[Tensor, "points channels"],
        coord: Float[Tensor, "points 3"],
        offsets: Int[Tensor, " batch"],
        lower: Float[Tensor, "batch 3"],
        upper: Float[Tensor, "batch 3"],
    ) -> FeatureVolume:
        """Pool packed point features into volumes and run the dense network over them (Eq. 2-3).

        Args:
            features: of each point; half precision is widened.
            coord: world metres.
            offsets: cumulative points per scene.
            lower: lowest corner of each scene, metres; with ``upper`` and the config it decides its box.
            upper: highest corner.
        """
        config = self.config
        with _full_precision(features):
            bounds = scene_bounds(lower, upper, config.extent, config.margin)
            projected = self.project(features.to(self.dtype))
            pooled = densify(projected, coord, offsets, bounds, config.volume_shape)
            volume = self.dense(pooled.features)
        return FeatureVolume(
            table=to_table(volume), shape=config.volume_shape, bounds=bounds, count=pooled.count
        )

    def forward(
        self,
        volume: FeatureVolume,
        rays: RayBundle,
        *,
        generator: torch.Generator | None = None,
        sensed_distance: Float[Tensor, " rays"] | None = None,
        progress: float = 1.0,
    ) -> Rendered:
        """Render rays, differentiable in the volume and the parameters.

        Args:
            volume: from ``build_volume``.
            rays: with directions of unit length. Rays that miss their box come out black, with opacity and
                distance 0.
            generator: jitters the samples; None places them in the middle of their strata.
            sensed_distance: guides the depth-guided samples where the config asks for them; 0 where missing.
            progress: share of the training that is done, in [0, 1], for densities that change with it.

        Raises:
            ValueError: when the volume does not have the field's channels.
        """
        self._check_volume(volume)
        with _full_precision(volume.table):
            span = intersect(rays, volume.bounds)
            parts, placement = self._sample(volume, rays, span, generator, sensed_distance)
            distance, order = merge_distances(parts)
            samples = intervals(distance, span, self.density.anchor)
            flat = evaluate_field(self.field, volume.table, placement, recompute=self.config.recompute)
            values = _along_rays(flat, [part.shape[1] for part in parts], order)
            return self._composite(rays, span, samples, values, progress)

    @torch.no_grad()
    def render_chunks(self, volume: FeatureVolume, rays: RayBundle, chunk: int = 4096) -> RenderedRays:
        """Render any number of rays without gradient, ``chunk`` at a time: whole images. No jitter."""
        parts = [self.forward(volume, _slice(rays, a, a + chunk)) for a in range(0, max(len(rays), 1), chunk)]
        color = [part.color for part in parts if part.color is not None]
        semantic = [part.semantic for part in parts if part.semantic is not None]
        return RenderedRays(
            color=torch.cat(color) if color else None,
            distance=torch.cat([part.distance for part in parts]),
            normal=torch.cat([part.normal for part in parts]),
            semantic=torch.cat(semantic) if semantic else None,
            opacity=torch.cat([part.opacity for part in parts]),
        )

    @torch.no_grad()
    def _sample(
        self,
        volume: FeatureVolume,
        rays: RayBundle,
        span: RaySpan,
        generator: torch.Generator | None,
        sensed: Float[Tensor, " rays"] | None,
    ) -> tuple[list[Tensor], Placement]:
        """Distances in the order they were found, and all of them placed: features are read only once."""
        config = self.config.sampler
        parts = [uniform_distances(span, config.uniform, generator)]
        placements = [self._place(volume, rays, parts[0])]
        known = []
        half_side = 0.5 * volume.bounds.size.to(parts[0]).amax(dim=1)[rays.volume_index, None]
        for step, count in enumerate(config.importance_counts()):
            known.append(evaluate_sdf(self.field, placements[-1]).view_as(parts[-1]))
            distance, order = merge_distances(parts)
            sdf = torch.cat(known, dim=1).gather(1, order)
            sharpness = config.importance_sharpness * 2**step / half_side
            parts.append(importance_distances(distance, sdf, sharpness, count, generator))
            placements.append(self._place(volume, rays, parts[-1]))
        if sensed is not None and config.depth_guided:
            width = config.depth_guided_width
            parts.append(depth_guided_distances(span, sensed, config.depth_guided, width, generator))
            placements.append(self._place(volume, rays, parts[-1]))
        return parts, join_placements(placements)

    def _check_volume(self, volume: FeatureVolume) -> None:
        if volume.table.shape[1] != self.config.dense.channels:
            raise ValueError(
                f"the volume has {volume.table.shape[1]} channels but the field reads "
                f"{self.config.dense.channels}; build it with this renderer's build_volume"
            )

    def _place(self, volume: FeatureVolume, rays: RayBundle, distance: Tensor) -> Placement:
        return place(volume, rays, distance, self.config.field.coordinate, self.config.border)

    def _composite(
        self, rays: RayBundle, span: RaySpan, samples: Samples, values: FieldValues, progress: float
    ) -> Rendered:
        """Eq. 6 and 7."""
        opacity = self.density(values.sdf, values.gradient, rays.direction, samples, progress)
        weights = render_weights(torch.where(samples.valid[:, None], opacity, torch.zeros_like(opacity)))
        total = weights.sum(dim=1)
        color = None if values.color is None else accumulate(weights, values.color)
        if color is not None and self.config.background is not None:
            behind = torch.tensor(self.config.background, dtype=color.dtype, device=color.device)
            color = color + (1 - total).clamp(min=0)[:, None] * behind
        distance = accumulate(weights, samples.middle[..., None])[:, 0]
        if self.config.distance == "normalized":
            distance = distance / total.clamp(min=1e-6)
        elif self.config.distance == "far":
            distance = distance + (1 - total).clamp(min=0) * span.far
        return Rendered(
            color=color,
            distance=distance,
            normal=accumulate(weights, values.gradient),
            semantic=None if values.semantic is None else accumulate(weights, values.semantic),
            opacity=total,
            weights=weights,
            samples=samples,
            values=values,
        )


def _along_rays(flat: FlatValues, counts: list[int], order: Int[Tensor, "rays samples"]) -> FieldValues:
    """Values of several sets of samples, one after the other, as rows of sorted samples, one row per ray."""
    rays = order.shape[0]

    def arrange(value: Tensor) -> Tensor:
        sets = value.view(value.shape[0], -1).split([rays * count for count in counts])
        joined = torch.cat(
            [part.view(rays, count, part.shape[1]) for part, count in zip(sets, counts, strict=True)], 1
        )
        return joined.gather(1, order[..., None].expand(-1, -1, joined.shape[2]))

    return FieldValues(
        sdf=arrange(flat.sdf)[..., 0],
        gradient=arrange(flat.gradient),
        color=None if flat.color is None else arrange(flat.color),
        semantic=None if flat.semantic is None else arrange(flat.semantic),
    )


def _slice(rays: RayBundle, start: int, stop: int) -> RayBundle:
    return RayBundle(
        origin=rays.origin[start:stop],
        direction=rays.direction[start:stop],
        volume_index=rays.volume_index[start:stop],
    )


@contextmanager
def _full_precision(like: Tensor) -> Iterator[None]:
    with torch.autocast(like.device.type, enabled=False):
        yield
