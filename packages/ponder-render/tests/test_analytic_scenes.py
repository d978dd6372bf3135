"""Scenes whose SDF is known: distances, normals and occlusion must come out as geometry says."""

from collections.abc import Callable

import pytest
import torch
from ponder_render import (
    Bounds,
    DenseNetConfig,
    FeatureVolume,
    FieldConfig,
    NeusConfig,
    RayBundle,
    Rendered,
    RendererConfig,
    SamplerConfig,
    UnisurfConfig,
    VolsdfConfig,
    VolumeRenderer,
)
from ponder_render.compositing import render_weights
from ponder_render.density import volsdf_opacity
from ponder_render.field import Appearance, Geometry, NeuralField
from torch import Tensor

DENSITIES: dict[str, NeusConfig | VolsdfConfig | UnisurfConfig] = {
    "discrete": NeusConfig(initial_sharpness=400.0),
    "midpoint": NeusConfig(form="midpoint", initial_sharpness=400.0),
    "volsdf": VolsdfConfig(initial_beta=0.005),
    "unisurf": UnisurfConfig(initial_sharpness=400.0),
}
LOWER, UPPER = torch.tensor([-2.0, -1.5, -1.0]), torch.tensor([2.0, 1.5, 1.0])


class AnalyticField(NeuralField):
    """A field whose SDF is a function of the world position."""

    def __init__(self, sdf: Callable[[Tensor], Tensor]) -> None:
        super().__init__(FieldConfig(geometry_channels=0), channels=1)
        self.function = sdf

    def sdf(self, coordinate: Tensor, feature: Tensor) -> Tensor:
        return self.function(LOWER + (coordinate + 1) / 2 * (UPPER - LOWER))

    def geometry(self, coordinate: Tensor, feature: Tensor) -> Geometry:
        with torch.enable_grad():
            moving = coordinate.detach().requires_grad_()
            sdf = self.sdf(moving, feature)
            (gradient,) = torch.autograd.grad(sdf.sum(), moving)
        return Geometry(
            sdf=sdf.detach(),
            hidden=coordinate[:, :0],
            feature_gradient=torch.zeros_like(feature),
            coordinate_gradient=gradient,
        )

    def appearance(
        self, coordinate: Tensor, feature: Tensor, direction: Tensor, gradient: Tensor, hidden: Tensor
    ) -> Appearance:
        return Appearance(color=(gradient + 1) / 2, semantic=None)


def render(sdf: Callable[[Tensor], Tensor], rays: RayBundle, density: str, importance: int = 0) -> Rendered:
    config = RendererConfig(
        dense=DenseNetConfig(channels=1, groups=1),
        density=DENSITIES[density],
        sampler=SamplerConfig(uniform=128, importance=importance),
    )
    renderer = VolumeRenderer(config, in_channels=1)
    renderer.field = AnalyticField(sdf)
    volume = FeatureVolume(
        table=torch.zeros(1, 1),
        shape=(1, 1, 1),
        bounds=Bounds(lower=LOWER[None], upper=UPPER[None]),
        count=torch.ones(1, 1, 1, 1, dtype=torch.long),
    )
    with torch.no_grad():
        return renderer(volume, rays)


def fan(count: int = 40) -> RayBundle:
    """Rays from near one end of the box towards the other."""
    generator = torch.Generator().manual_seed(0)
    direction = torch.rand(count, 3, generator=generator) * 0.5 - 0.25 + torch.tensor([1.0, 0.0, 0.0])
    return RayBundle(
        origin=torch.tensor([[-1.8, 0.0, 0.0]]).repeat(count, 1),
        direction=torch.nn.functional.normalize(direction, dim=1),
        volume_index=torch.zeros(count, dtype=torch.long),
    )


def plane(position: Tensor) -> Tensor:
    return 1.1 - position[:, 0]


def importance_for(density: str) -> int:
    """NeuS, which compares an interval's ends, needs no finer samples than the uniform ones for their precision."""
    return 64 if density in ("volsdf", "unisurf") else 0


def uniform_half_sample(rendered: Rendered) -> Tensor:
    return 0.5 * (rendered.samples.end[:, -1] - rendered.samples.start[:, 0]) / 128


def sphere(position: Tensor) -> Tensor:
    return position.norm(dim=1) - 0.8


@pytest.mark.parametrize("density", DENSITIES)
def test_a_plane_is_seen_at_its_distance(density: str) -> None:
    rays = fan()
    rendered = render(plane, rays, density, importance_for(density))
    expected = 2.9 / rays.direction[:, 0]
    assert bool(((rendered.distance - expected).abs() <= uniform_half_sample(rendered)).all())
    torch.testing.assert_close(rendered.opacity, torch.ones(40), atol=1e-3, rtol=0)
    torch.testing.assert_close(rendered.normal, torch.tensor([[-1.0, 0, 0]]).expand(40, 3), atol=1e-3, rtol=0)


@pytest.mark.parametrize("density", DENSITIES)
def test_a_sphere_is_seen_at_its_distance_with_its_normals(density: str) -> None:
    rays = fan()
    rendered = render(sphere, rays, density, importance=64)
    along = (rays.origin * rays.direction).sum(dim=1)
    expected = -along - (along.square() - 1.8**2 + 0.8**2).sqrt()
    seen = ~expected.isnan() & (along.square() - 1.8**2 + 0.8**2 > 0.05)
    assert int(seen.sum()) > 20
    assert bool(((rendered.distance - expected).abs() <= uniform_half_sample(rendered))[seen].all())
    point = rays.origin + expected[:, None] * rays.direction
    torch.testing.assert_close(rendered.normal[seen], point[seen] / 0.8, atol=0.05, rtol=0)


@pytest.mark.parametrize("form", ["discrete", "midpoint"])
def test_the_largest_weight_lies_at_the_surface(form: str) -> None:
    """NeuS is unbiased: no other interval than the one that the surface crosses weighs most."""
    rays = fan()
    rendered = render(plane, rays, form)
    expected = 2.9 / rays.direction[:, 0]
    best = rendered.weights.argmax(dim=1, keepdim=True)
    width = (rendered.samples.end - rendered.samples.start).gather(1, best)[:, 0]
    start = rendered.samples.start.gather(1, best)[:, 0]
    assert bool((start <= expected + 0.5 * width).all())
    assert bool((expected <= start + 1.5 * width).all())


@pytest.mark.parametrize("density", DENSITIES)
def test_what_lies_behind_a_wall_weighs_nothing(density: str) -> None:
    """Two thin walls: less than 1 % of the light reaches the second."""

    def walls(position: Tensor) -> Tensor:
        x = position[:, 0]
        return torch.minimum((x - 0.2).abs(), (x - 1.2).abs()) - 0.1

    rays = fan()
    rendered = render(walls, rays, density, importance_for(density))
    x = rays.origin[:, :1] + rendered.samples.middle * rays.direction[:, :1]
    assert rendered.weights.masked_fill(x < 0.7, 0).sum(dim=1).max().item() < 0.01
    assert rendered.weights.masked_fill(x > 0.7, 0).sum(dim=1).min().item() > 0.99
    first = (0.1 + 1.8) / rays.direction[:, 0]
    assert bool(((rendered.distance - first).abs() <= uniform_half_sample(rendered)).all())


def test_the_largest_weight_of_volsdf_lies_a_known_way_behind_the_surface() -> None:
    """Head on: where y = (1 - y)^2 with y = exp(-depth / beta) / 2, at 0.27 beta; see VolsdfDensity."""
    beta, edges = 0.1, torch.linspace(0, 4, 40001, dtype=torch.float64)
    depth = 0.5 * (edges[1:] + edges[:-1]) - 2
    weights = render_weights(volsdf_opacity(-depth[None], (edges[1:] - edges[:-1])[None], beta))
    expected = -beta * torch.tensor(3 - 5**0.5).log().item()
    assert depth[weights.argmax()].item() == pytest.approx(expected, abs=2e-4)
    assert expected == pytest.approx(0.269 * beta, rel=1e-2)
