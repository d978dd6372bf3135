"""What the benchmarks of the renderer render: a scene of boxes, seen from a few places, at the sizes in use.

Features are random but smooth, except that the first channel holds the distance to the nearest cell with points and
the SDF network passes it on. So rays end at surfaces and importance samples gather there, as they do in training.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from ponder_render import (
    Bounds,
    DenseNetConfig,
    FeatureVolume,
    FieldConfig,
    NeuralField,
    RayBundle,
    RayTargets,
    RendererConfig,
    RenderingLossConfig,
    SamplerConfig,
    VolumeRenderer,
    densify,
    to_table,
)
from ponder_render.field.mlp import linear_layers
from torch import Tensor

CLASSES = 20
POINTS = 200_000
REACH = 6
"""Cells up to which the distance to the nearest point is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A decoder and how much it renders. ``extent`` is the box in metres, ``boxes`` what stands in it."""

    rays: int
    shape: tuple[int, int, int]
    channels: int
    extent: tuple[float, float, float]
    boxes: int
    box_side: float
    field: FieldConfig
    sampler: SamplerConfig


SIZES = {
    # As published for ScanNet: the SDF network reads one half of the volume's channels and the linear heads the other,
    # none reads a position, and semantics are 512 channels of text embeddings.
    "indoor": Size(
        rays=1280,
        shape=(128, 128, 32),
        channels=128,
        extent=(6.4, 6.4, 3.2),
        boxes=12,
        box_side=1.0,
        field=FieldConfig(
            hidden=128,
            sdf_layers=1,
            color_layers=0,
            geometry_channels=64,
            appearance_channels=64,
            semantic_layers=0,
            semantic_channels=512,
            coordinate="none",
        ),
        sampler=SamplerConfig(uniform=96, importance=36),
    ),
    # As published for nuScenes: deep and narrow, colour and distance only.
    "outdoor": Size(
        rays=512,
        shape=(180, 180, 5),
        channels=32,
        extent=(108.0, 108.0, 8.0),
        boxes=60,
        box_side=5.0,
        field=FieldConfig(hidden=32, sdf_layers=6, color_layers=4, geometry_channels=31),
        sampler=SamplerConfig(uniform=72, importance=24),
    ),
    # The recipe for two CPU cores, with its rays per step.
    "small": Size(
        rays=1024,
        shape=(48, 48, 24),
        channels=24,
        extent=(6.4, 6.4, 3.2),
        boxes=12,
        box_side=1.0,
        field=FieldConfig(hidden=64, sdf_layers=2, color_layers=1, geometry_channels=15),
        sampler=SamplerConfig(uniform=48, importance=16),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A volume, a renderer, and rays with their targets."""

    renderer: VolumeRenderer
    volume: FeatureVolume
    rays: RayBundle
    targets: RayTargets
    losses: RenderingLossConfig
    class_table: Tensor | None

    def tables(self) -> list[Tensor]:
        """Of the volume: what all networks read, or the SDF network alone and then the heads."""
        volume = self.volume
        return [volume.table] if volume.appearance is None else [volume.table, volume.appearance]

    def parameters(self) -> list[Tensor]:
        """Of the field and the density."""
        return [*self.renderer.field.parameters(), *self.renderer.density.parameters()]

    def first_rays(self, count: int) -> "Problem":
        """The same with fewer rays."""
        rays, targets = self.rays, self.targets
        return replace(
            self,
            rays=RayBundle(
                origin=rays.origin[:count],
                direction=rays.direction[:count],
                volume_index=rays.volume_index[:count],
            ),
            targets=RayTargets(
                color=targets.color[:count],
                distance=targets.distance[:count],
                semantic=targets.semantic[:count],
            ),
        )

    def double(self) -> "Problem":
        """The same in float64; the renderer is converted in place."""
        volume, rays, targets = self.volume, self.rays, self.targets
        bounds = Bounds(lower=volume.bounds.lower.double(), upper=volume.bounds.upper.double())
        table, *apart = [table.detach().double().requires_grad_() for table in self.tables()]
        return replace(
            self,
            renderer=self.renderer.double(),
            volume=replace(volume, table=table, appearance=apart[0] if apart else None, bounds=bounds),
            rays=replace(rays, origin=rays.origin.double(), direction=rays.direction.double()),
            targets=replace(targets, color=targets.color.double(), distance=targets.distance.double()),
            class_table=None if self.class_table is None else self.class_table.double(),
        )


def make_problem(size: Size, recompute: bool = False, skip_empty: int | None = None) -> Problem:
    """A problem of this size, the same for every setting of ``recompute`` and ``skip_empty``."""
    torch.manual_seed(0)
    config = RendererConfig(
        volume_shape=size.shape,
        dense=DenseNetConfig(channels=size.channels),
        field=size.field,
        sampler=size.sampler.model_copy(update={"skip_empty": skip_empty}),
        recompute=recompute,
    )
    renderer = VolumeRenderer(config, size.channels)
    scene = Scene(size)
    rays, distance = scene.look(size.rays)
    volume = scene.volume()
    pass_distance_on(renderer.field)
    targets = RayTargets(
        color=torch.rand(size.rays, 3), distance=distance, semantic=torch.randint(CLASSES, (size.rays,))
    )
    channels = size.field.semantic_channels
    losses = RenderingLossConfig(semantic_form="similarity" if channels else "classes")
    table = torch.randn(CLASSES, channels) if channels else None
    return Problem(
        renderer=renderer, volume=volume, rays=rays, targets=targets, losses=losses, class_table=table
    )


class Scene:
    """A room with boxes on its floor, and five places to look from."""

    def __init__(self, size: Size) -> None:
        self.size = size
        room = torch.tensor(size.extent)
        self.bounds = Bounds(lower=(room * torch.tensor([-0.5, -0.5, 0.0]))[None], upper=torch.zeros(1, 3))
        self.bounds = replace(self.bounds, upper=self.bounds.lower + room)
        inner = 0.03 * room
        lower, upper = self.bounds.lower[0] + inner, self.bounds.upper[0] - inner
        self.lower, self.upper = lower, upper
        side = size.box_side * (0.4 + 0.8 * torch.rand(size.boxes, 3))
        side[:, 2] = side[:, 2].clamp(max=0.6 * size.extent[2])
        place = lower + torch.rand(size.boxes, 3) * (upper - lower - side)
        place[:, 2] = lower[2]
        self.boxes = torch.stack([place, place + side])
        self.cameras = (0.5 * (lower + upper) + 0.3 * (torch.rand(5, 3) - 0.5) * room) * torch.tensor(
            [1.0, 1.0, 0.0]
        ) + torch.tensor([0.0, 0.0, 0.7 * size.extent[2]])

    def look(self, count: int) -> tuple[RayBundle, Tensor]:
        """Rays from the cameras, each around its own direction, and how far they get."""
        camera = torch.arange(count) * len(self.cameras) // count
        around = 1.25 * camera + 1.1 * (torch.rand(count) - 0.5)
        up = 0.9 * (torch.rand(count) - 0.7)
        direction = F.normalize(torch.stack([around.cos(), around.sin(), up], dim=1), dim=1)
        origin = self.cameras[camera]
        rays = RayBundle(
            origin=origin, direction=direction, volume_index=torch.zeros(count, dtype=torch.long)
        )
        return rays, self.distance(origin, direction)

    def distance(self, origin: Tensor, direction: Tensor) -> Tensor:
        """To the first box, or to the wall."""
        slope = 1 / torch.where(direction.abs() < 1e-6, 1e-6, direction)
        near, far = _slabs(origin[:, None], slope[:, None], self.boxes[0], self.boxes[1])
        hit = torch.where((near < far) & (near > 0), near, torch.inf).amin(dim=1)
        _, wall = _slabs(origin, slope, self.lower, self.upper)
        return torch.minimum(hit, wall)

    def volume(self) -> FeatureVolume:
        """Random features, with the distance to the nearest point in the first channel."""
        size = self.size
        rays, distance = self.look(POINTS)
        points = rays.origin + distance[:, None] * rays.direction
        pooled = densify(torch.ones(POINTS, 1), points, torch.tensor([POINTS]), self.bounds, size.shape)
        coarse = torch.randn(1, size.channels, *(max(2, side // 4) for side in size.shape))
        feature = F.interpolate(0.5 * coarse, size=size.shape, mode="trilinear")
        cell = min(extent / side for extent, side in zip(size.extent, size.shape, strict=True))
        near = (pooled.count > 0).float()
        feature[:, 0] = cell * (REACH - 0.5)
        for reach in reversed(range(REACH)):
            within = F.max_pool3d(near[:, None], 2 * reach + 1, stride=1, padding=reach)[:, 0] > 0
            feature[:, 0][within] = cell * (reach - 0.5)
        apart = size.field.appearance_channels
        shared = size.channels - apart
        return FeatureVolume(
            table=to_table(feature[:, :shared]).requires_grad_(),
            shape=size.shape,
            bounds=self.bounds,
            count=pooled.count,
            appearance=to_table(feature[:, shared:]).requires_grad_() if apart else None,
        )


def pass_distance_on(field: NeuralField) -> None:
    """Let the SDF be the first feature, give or take what the random units add."""
    net, column, shift = field.geometry_net, field.coordinates, 2.0
    with torch.no_grad():
        for number, layer in enumerate(linear_layers(net.hidden)):
            layer.weight[0] = 0
            layer.weight[0, 0 if number else column] = 1
            layer.bias[0] = 0 if number else shift
        net.output.weight[0] *= 0.2
        net.output.weight[0, 0] = 1
        net.output.bias[0] = -shift


def _slabs(origin: Tensor, slope: Tensor, lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
    first, second = (lower - origin) * slope, (upper - origin) * slope
    return torch.minimum(first, second).amax(dim=-1), torch.maximum(first, second).amin(dim=-1)
