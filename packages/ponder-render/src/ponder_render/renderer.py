"""The volume renderer: point features in, pictures out."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ponder_render.bounds import Bounds, RaySpan, intersect, scene_bounds
from ponder_render.compositing import accumulate, render_weights
from ponder_render.density import DensityConfig, NeusConfig, build_density
from ponder_render.evaluation.evaluate import FlatValues, evaluate_field
from ponder_render.field.initialisation import initialise_rectified
from ponder_render.field.neural_field import FieldConfig, NeuralField
from ponder_render.rays import RayBundle, Rendered
from ponder_render.sampling.distances import SamplerConfig
from ponder_render.sampling.rounds import DrawnSamples, SampleRounds
from ponder_render.volume.corners import Border
from ponder_render.volume.dense import DenseNetConfig, build_dense_net
from ponder_render.volume.feature_volume import FeatureVolume, densify, to_table
from ponder_render.volume.occupancy import Occupancy, find_occupancy

DistanceForm = Literal["sum", "normalized", "far"]
Precision = Literal["full", "bfloat16", "float16"]
HALVES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


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
    normalise_points: bool = Field(
        default=False,
        description="bring the features of every point to mean 0 and variance 1 over their channels before they are "
        "pooled, so that the encoder says nothing by their size",
    )
    volume_precision: Precision = Field(
        default="full",
        description="in which the volume is stored: bfloat16 and float16 halve it; queries add up in float32",
    )
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
            wide = features.to(self.dtype)
            projected = self.project(F.layer_norm(wide, wide.shape[1:]) if config.normalise_points else wide)
            pooled = densify(projected, coord, offsets, bounds, config.volume_shape)
        return self._finished(pooled.features, pooled.count, bounds)

    def build_volume_from_cells(
        self,
        features: Float[Tensor, "batch channels x y z"],
        count: Int[Tensor, "batch x y z"],
        bounds: Bounds,
    ) -> FeatureVolume:
        """Run the dense network (Eq. 3) over features that lie in the volume's cells already, as cameras give them.

        Args:
            features: of each cell; half precision is widened.
            count: how many measurements stand behind each cell; 0 where nothing is known.
            bounds: the box of each volume, metres.

        Raises:
            ValueError: when the features have another number of cells than ``config.volume_shape``.
        """
        if tuple(features.shape[2:]) != self.config.volume_shape:
            raise ValueError(
                f"the features have {tuple(features.shape[2:])} cells but renderer.volume_shape is "
                f"{self.config.volume_shape}; make them the same"
            )
        with _full_precision(features):
            wide = features.to(self.dtype)
            projected = self.project(wide.movedim(1, -1)).movedim(-1, 1)
        return self._finished(projected, count, bounds)

    def _finished(
        self,
        features: Float[Tensor, "batch channels x y z"],
        count: Int[Tensor, "batch x y z"],
        bounds: Bounds,
    ) -> FeatureVolume:
        """Eq. 3 over features in cells."""
        config = self.config
        with _full_precision(features):
            volume = self.dense(features)
        apart = config.field.appearance_channels
        shared = volume.shape[1] - apart
        built = FeatureVolume(
            table=to_table(volume[:, :shared]),
            shape=config.volume_shape,
            bounds=bounds,
            count=count,
            appearance=to_table(volume[:, shared:]) if apart else None,
        )
        return built if config.volume_precision == "full" else built.to_dtype(HALVES[config.volume_precision])

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
        occupancy = self._occupancy(volume)
        return self._render(volume, rays, occupancy, generator, sensed_distance, progress)

    @torch.no_grad()
    def render_chunks(self, volume: FeatureVolume, rays: RayBundle, chunk: int = 4096) -> RenderedRays:
        """Render any number of rays without gradient, ``chunk`` at a time: whole images. No jitter."""
        self._check_volume(volume)
        occupancy = self._occupancy(volume)
        pieces = [_slice(rays, start, start + chunk) for start in range(0, max(len(rays), 1), chunk)]
        parts = [self._render(volume, piece, occupancy) for piece in pieces]
        color = [part.color for part in parts if part.color is not None]
        semantic = [part.semantic for part in parts if part.semantic is not None]
        return RenderedRays(
            color=torch.cat(color) if color else None,
            distance=torch.cat([part.distance for part in parts]),
            normal=torch.cat([part.normal for part in parts]),
            semantic=torch.cat(semantic) if semantic else None,
            opacity=torch.cat([part.opacity for part in parts]),
        )

    def _render(
        self,
        volume: FeatureVolume,
        rays: RayBundle,
        occupancy: Occupancy | None,
        generator: torch.Generator | None = None,
        sensed_distance: Float[Tensor, " rays"] | None = None,
        progress: float = 1.0,
    ) -> Rendered:
        with _full_precision(volume.table):
            span = intersect(rays, volume.bounds)
            rounds = SampleRounds(
                config=self.config.sampler,
                field=self.field,
                volume=volume,
                border=self.config.border,
                rays=rays,
                span=span,
                occupancy=occupancy,
                generator=generator,
                sensed=sensed_distance,
                keep=torch.is_grad_enabled() and not self.config.recompute,
            )
            drawn = rounds.draw(self.density.anchor)
            flat = evaluate_field(
                self.field,
                volume.table,
                drawn.placement,
                recompute=self.config.recompute,
                rays=drawn.rays(),
                activations=drawn.activations,
                appearance=volume.appearance,
            )
            return self._composite(rays, span, drawn, flat, progress)

    def _occupancy(self, volume: FeatureVolume) -> Occupancy | None:
        dilation = self.config.sampler.skip_empty
        return None if dilation is None else find_occupancy(volume, dilation)

    def _check_volume(self, volume: FeatureVolume) -> None:
        apart = 0 if volume.appearance is None else volume.appearance.shape[1]
        reads = self.field.sdf_channels, self.config.field.appearance_channels
        if (volume.table.shape[1], apart) != reads:
            raise ValueError(
                f"the volume has {volume.table.shape[1]} channels and {apart} for the heads alone, but the field "
                f"reads {reads[0]} and {reads[1]}; build it with this renderer's build_volume"
            )

    def _composite(
        self, rays: RayBundle, span: RaySpan, drawn: DrawnSamples, flat: FlatValues, progress: float
    ) -> Rendered:
        """Eq. 6 and 7."""
        samples, values = drawn.samples, drawn.to_rows(flat)
        opacity = self.density(values.sdf, values.gradient, rays.direction, samples, progress)
        weights = render_weights(torch.where(samples.evaluated, opacity, torch.zeros_like(opacity)))
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
            semantic=None if flat.semantic is None else flat.semantic.composite(drawn.to_flat(weights)),
            opacity=total,
            weights=weights,
            samples=samples,
            values=values,
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
