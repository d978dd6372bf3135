"""Equations 2 to 7 and 9 as plain float64 loops over points, cells, rays and samples: pictures and gradients.

Only the positions of samples are taken from the renderer; their own tests are in test_sampling.py.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from ponder_render import (
    DenseNetConfig,
    Density,
    FieldConfig,
    NeusConfig,
    NeusDensity,
    RayBundle,
    Rendered,
    RendererConfig,
    SamplerConfig,
    UnisurfConfig,
    UnisurfDensity,
    VolsdfConfig,
    VolsdfDensity,
    VolumeRenderer,
)
from torch import Tensor

SHAPE = (5, 4, 3)
MARGIN = 0.1
DENSITIES = {
    "discrete": NeusConfig(initial_sharpness=30.0),
    "midpoint": NeusConfig(form="midpoint", initial_sharpness=30.0),
    "volsdf": VolsdfConfig(initial_beta=0.3),
    "unisurf": UnisurfConfig(initial_sharpness=8.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One cloud with features, its bounds, and rays through it and past it."""

    features: Tensor
    coord: Tensor
    lower: Tensor
    upper: Tensor
    rays: RayBundle


@pytest.fixture
def scene() -> Scene:
    generator = torch.Generator().manual_seed(5)
    coord = torch.rand(30, 3, dtype=torch.float64, generator=generator) * torch.tensor([3.0, 2.0, 1.5])
    coord[:, 0] = torch.where(coord[:, 0] > 1, coord[:, 0], coord[:, 0] + 2)  # a part of the box stays empty
    lower, upper = torch.zeros(3, dtype=torch.float64), torch.tensor([4.0, 2.0, 1.5], dtype=torch.float64)
    origin = torch.tensor([0.3, 0.9, 0.7], dtype=torch.float64).repeat(5, 1)
    origin[4] = 9.0
    direction = torch.tensor([1.0, 0.1, 0.1], dtype=torch.float64) + 0.4 * torch.randn(
        5, 3, dtype=torch.float64, generator=generator
    )
    rays = RayBundle(
        origin=origin,
        direction=F.normalize(direction.abs(), dim=1),
        volume_index=torch.zeros(5, dtype=torch.long),
    )
    features = torch.randn(30, 2, dtype=torch.float64, generator=generator)
    return Scene(features=features.requires_grad_(), coord=coord, lower=lower, upper=upper, rays=rays)


def make_renderer(density: str, skip_empty: int | None) -> VolumeRenderer:
    torch.manual_seed(0)
    config = RendererConfig(
        volume_shape=SHAPE,
        margin=MARGIN,
        dense=DenseNetConfig(kind="conv", channels=4, projected_channels=None),
        field=FieldConfig(
            hidden=6, geometry_channels=3, semantic_channels=3, initial_sdf=0.0, initial_spread=0.6, beta=20
        ),
        density=DENSITIES[density],
        sampler=SamplerConfig(uniform=7, importance=4, skip_empty=skip_empty, keep_empty=0),
    )
    return VolumeRenderer(config, in_channels=2).double()


def pool_by_loop(scene: Scene) -> dict[tuple[int, ...], Tensor]:
    """Eq. 2: the mean feature of each cell that holds a point."""
    inside: dict[tuple[int, ...], list[Tensor]] = {}
    for point, feature in zip(scene.coord, scene.features, strict=True):
        cell = []
        for axis in range(3):
            low, high = scene.lower[axis] - MARGIN, scene.upper[axis] + MARGIN
            cell.append(int((point[axis] - low) / (high - low) * SHAPE[axis]))
        inside.setdefault(tuple(cell), []).append(feature)
    return {cell: torch.stack(list_of).mean(dim=0) for cell, list_of in inside.items()}


def convolve_by_loop(
    pooled: dict[tuple[int, ...], Tensor], net: torch.nn.Module
) -> dict[tuple[int, ...], Tensor]:
    """Eq. 3: one 3x3x3 convolution; what lies beyond the box is zero."""
    convolution = net.convolution
    assert isinstance(convolution, torch.nn.Conv3d)
    assert convolution.bias is not None
    volume = {}
    for cell in itertools.product(*(range(side) for side in SHAPE)):
        value = convolution.bias
        for step in itertools.product((0, 1, 2), repeat=3):
            source = tuple(c + s - 1 for c, s in zip(cell, step, strict=True))
            if source in pooled:
                value = value + convolution.weight[:, :, step[0], step[1], step[2]] @ pooled[source]
        volume[cell] = value
    return volume


def trilinear_by_loop(volume: dict[tuple[int, ...], Tensor], scene: Scene, point: Tensor) -> Tensor:
    """f_j: differentiable in the volume and the position."""
    feature: Tensor = torch.zeros(4, dtype=torch.float64)
    for corner in itertools.product((0, 1), repeat=3):
        weight, cell = torch.ones((), dtype=torch.float64), []
        for axis in range(3):
            low, high = scene.lower[axis] - MARGIN, scene.upper[axis] + MARGIN
            units = (point[axis] - low) / (high - low) * SHAPE[axis] - 0.5
            base = units.detach().floor()
            weight = weight * ((units - base) if corner[axis] else (1 - units + base))
            cell.append(min(max(int(base) + corner[axis], 0), SHAPE[axis] - 1))
        feature = feature + weight * volume[tuple(cell)]
    return feature


def mlp_by_loop(net: torch.nn.Module | None, x: Tensor, activation: Callable[[Tensor], Tensor]) -> Tensor:
    assert net is not None
    layers = [m for m in net.modules() if isinstance(m, torch.nn.Linear)]
    for layer in layers[:-1]:
        x = activation(layer.weight @ x + layer.bias)
    return layers[-1].weight @ x + layers[-1].bias


def field_by_loop(
    renderer: VolumeRenderer,
    volume: dict[tuple[int, ...], Tensor],
    scene: Scene,
    at: Tensor,
    direction: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Eq. 4, 5 and 9 at one point: SDF, its gradient by autograd, colour and semantics."""
    field = renderer.field
    at = at.clone().requires_grad_()
    feature = trilinear_by_loop(volume, scene, at)
    p = 2 * (at - scene.lower + MARGIN) / (scene.upper - scene.lower + 2 * MARGIN) - 1
    out = mlp_by_loop(
        field.geometry_net, torch.cat([p, feature]), lambda z: F.softplus(z, beta=field.config.beta)
    )
    (gradient,) = torch.autograd.grad(out[0], at, create_graph=True)
    normal = gradient / gradient.norm().clamp(min=1)
    color = mlp_by_loop(field.color_head, torch.cat([p, feature, direction, normal, out[1:]]), torch.relu)
    semantic = mlp_by_loop(field.semantic_head, torch.cat([p, feature, normal, out[1:]]), torch.relu)
    return out[0], gradient, color.sigmoid(), semantic


def opacity_by_loop(
    density: Density, values: list[tuple[Tensor, ...] | None], j: int, edges: list[float], ray: Tensor
) -> Tensor:
    """Eq. 7 and its alternatives for interval j; 0 where the SDF that they need is not known."""
    here, following = values[j], values[j + 1] if j + 1 < len(values) else None
    start, end, at = edges
    if here is None:
        return torch.zeros((), dtype=torch.float64)
    if isinstance(density, VolsdfDensity):
        tail = 0.5 * torch.exp(-here[0].abs() / density.beta)
        return 1 - torch.exp(-(end - start) / density.beta * (tail if here[0] > 0 else 1 - tail))
    if isinstance(density, UnisurfDensity):
        return 1 / (1 + torch.exp(density.sharpness * here[0]))
    assert isinstance(density, NeusDensity)
    if density.config.form == "midpoint":
        slope = (here[1] @ ray).clamp(max=0)
        before, after = here[0] + slope * (start - at), here[0] + slope * (end - at)
    elif following is None:
        return torch.zeros((), dtype=torch.float64)
    else:
        before, after = here[0], following[0]
    a, b = torch.sigmoid(density.sharpness * before), torch.sigmoid(density.sharpness * after)
    return ((a - b) / a).clamp(min=0)


def render_by_loop(renderer: VolumeRenderer, scene: Scene, rendered: Rendered, ray: int) -> list[Tensor]:
    """Eq. 6 for one ray: colour, distance, normal, semantics, opacity and the weights."""
    volume = convolve_by_loop(pool_by_loop(scene), renderer.dense)
    samples, direction = rendered.samples, scene.rays.direction[ray]
    values: list[tuple[Tensor, ...] | None] = []
    for t, seen in zip(samples.distance[ray], samples.evaluated[ray], strict=True):
        at = scene.rays.origin[ray] + t * direction
        values.append(field_by_loop(renderer, volume, scene, at, direction) if bool(seen) else None)
    light, weights = torch.ones((), dtype=torch.float64), []
    sums = [torch.zeros(n, dtype=torch.float64) for n in (3, 1, 3, 3, 1)]
    for j, value in enumerate(values):
        edges = [x[ray, j].item() for x in (samples.start, samples.end, samples.distance)]
        opacity = opacity_by_loop(renderer.density, values, j, edges, direction)
        weights.append(light * opacity)
        light = light * (1 - opacity)
        if value is not None:
            _, gradient, color, semantic = value
            one = torch.ones(1, dtype=torch.float64)
            middle = one * (edges[0] + edges[1]) / 2
            for k, part in enumerate((color, middle, gradient, semantic, one)):
                sums[k] = sums[k] + weights[-1] * part
    return [*sums, torch.stack(weights)]


@pytest.mark.parametrize("skip_empty", [None, 0], ids=["every sample", "occupied cells"])
@pytest.mark.parametrize("density", DENSITIES)
def test_from_points_to_pictures_and_back(scene: Scene, density: str, skip_empty: int | None) -> None:
    renderer = make_renderer(density, skip_empty)
    volume = renderer.build_volume(
        scene.features, scene.coord, torch.tensor([30]), scene.lower[None], scene.upper[None]
    )
    rendered = renderer(volume, scene.rays, generator=torch.Generator().manual_seed(1))
    share = rendered.samples.evaluated[:4].double().mean().item()
    assert share == 1 if skip_empty is None else 0.2 < share < 0.9
    assert not bool(rendered.samples.evaluated[4].any())
    assert rendered.color is not None
    assert rendered.semantic is not None
    ours = [rendered.color, rendered.distance[:, None], rendered.normal, rendered.semantic]
    ours += [rendered.opacity[:, None], rendered.weights]
    assert rendered.opacity[:4].max().item() > 0.15
    by_loop = [render_by_loop(renderer, scene, rendered, ray) for ray in range(5)]
    theirs = [torch.stack(column) for column in zip(*by_loop, strict=True)]
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, atol=1e-10, rtol=1e-8)
    inputs = [scene.features, *renderer.parameters()]
    generator = torch.Generator().manual_seed(2)
    pulls = [torch.randn(a.shape, dtype=a.dtype, generator=generator) for a in ours]
    grads = [
        torch.autograd.grad([x.mul(pull).sum() for x, pull in zip(some, pulls, strict=True)], inputs)
        for some in (ours, theirs)
    ]
    for a, b in zip(*grads, strict=True):
        assert bool(b.any())
        torch.testing.assert_close(a, b, atol=1e-9, rtol=1e-7)
