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
    VolumeRenderer,
)
from ponder_render.field import Appearance, Geometry, NeuralField
from torch import Tensor

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


def render(sdf: Callable[[Tensor], Tensor], rays: RayBundle, form: str, importance: int = 0) -> Rendered:
    config = RendererConfig(
        dense=DenseNetConfig(channels=1, groups=1),
        density=NeusConfig.model_validate({"form": form, "initial_sharpness": 400.0}),
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


def sphere(position: Tensor) -> Tensor:
    return position.norm(dim=1) - 0.8


@pytest.mark.parametrize("form", ["discrete", "midpoint"])
def test_a_plane_is_seen_at_its_distance(form: str) -> None:
    rays = fan()
    rendered = render(plane, rays, form)
    expected = 2.9 / rays.direction[:, 0]
    half_sample = 0.5 * (rendered.samples.end - rendered.samples.start)[:, :-1].amax(dim=1)
    assert bool(((rendered.distance - expected).abs() <= half_sample).all())
    torch.testing.assert_close(rendered.opacity, torch.ones(40), atol=1e-3, rtol=0)
    torch.testing.assert_close(rendered.normal, torch.tensor([[-1.0, 0, 0]]).expand(40, 3), atol=1e-3, rtol=0)


@pytest.mark.parametrize("form", ["discrete", "midpoint"])
def test_a_sphere_is_seen_at_its_distance_with_its_normals(form: str) -> None:
    rays = fan()
    rendered = render(sphere, rays, form, importance=64)
    along = (rays.origin * rays.direction).sum(dim=1)
    expected = -along - (along.square() - 1.8**2 + 0.8**2).sqrt()
    seen = ~expected.isnan() & (along.square() - 1.8**2 + 0.8**2 > 0.05)
    assert int(seen.sum()) > 20
    uniform_half = 0.5 * (rendered.samples.end[:, -1] - rendered.samples.start[:, 0]) / 128
    assert bool(((rendered.distance - expected).abs() <= uniform_half)[seen].all())
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


@pytest.mark.parametrize("form", ["discrete", "midpoint"])
def test_what_lies_behind_a_wall_weighs_nothing(form: str) -> None:
    """Two thin walls: less than 1 % of the light reaches the second."""

    def walls(position: Tensor) -> Tensor:
        x = position[:, 0]
        return torch.minimum((x - 0.2).abs(), (x - 1.2).abs()) - 0.1

    rays = fan()
    rendered = render(walls, rays, form)
    x = rays.origin[:, :1] + rendered.samples.middle * rays.direction[:, :1]
    assert rendered.weights.masked_fill(x < 0.7, 0).sum(dim=1).max().item() < 0.01
    assert rendered.weights.masked_fill(x > 0.7, 0).sum(dim=1).min().item() > 0.99
    first = (0.1 + 1.8) / rays.direction[:, 0]
    half_sample = 0.5 * (rendered.samples.end - rendered.samples.start)[:, :-1].amax(dim=1)
    assert bool(((rendered.distance - first).abs() <= half_sample).all())
