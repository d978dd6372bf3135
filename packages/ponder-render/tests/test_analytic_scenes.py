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
    Placement,
    RayBundle,
    Rendered,
    RendererConfig,
    SamplerConfig,
    UnisurfConfig,
    VolsdfConfig,
    VolumeRenderer,
    evaluate_field_reference,
)
from ponder_render.compositing import render_weights
from ponder_render.density import volsdf_opacity
from ponder_render.evaluation.deferred import SampleRays
from ponder_render.evaluation.evaluate import FlatValues
from ponder_render.field.neural_field import Appearance, Geometry, NeuralField
from torch import Tensor

DENSITIES: dict[str, NeusConfig | VolsdfConfig | UnisurfConfig] = {
    "discrete": NeusConfig(initial_sharpness=400.0),
    "midpoint": NeusConfig(form="midpoint", initial_sharpness=400.0),
    "volsdf": VolsdfConfig(initial_beta=0.005),
    "unisurf": UnisurfConfig(initial_sharpness=400.0),
}
LOWER, UPPER = torch.tensor([-2.0, -1.5, -1.0]), torch.tensor([2.0, 1.5, 1.0])


class AnalyticField(NeuralField):
    """A field whose SDF is a function of the world position: it has no networks that could be folded."""

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


def evaluate_plainly(
    field: NeuralField, table: Tensor, placement: Placement, rays: SampleRays, **_: object
) -> FlatValues:
    return evaluate_field_reference(field, table, placement, rays)


SKIPPING = pytest.mark.parametrize("skip_empty", [None, 1], ids=["everywhere", "near points"])


def render(
    sdf: Callable[[Tensor], Tensor],
    rays: RayBundle,
    density: str,
    importance: int = 0,
    skip_empty: int | None = None,
) -> Rendered:
    """A volume whose points are the cells of 10 cm that the surface may cross."""
    config = RendererConfig(
        dense=DenseNetConfig(channels=1, groups=1),
        density=DENSITIES[density],
        sampler=SamplerConfig(uniform=128, importance=importance, skip_empty=skip_empty),
    )
    renderer = VolumeRenderer(config, in_channels=1)
    renderer.field = AnalyticField(sdf)
    shape = (40, 30, 20)
    centre = torch.cartesian_prod(*((torch.arange(side) + 0.5) / side for side in shape))
    count = (sdf(LOWER + centre * (UPPER - LOWER)).abs() < 0.09).long().view(1, *shape)
    volume = FeatureVolume(
        table=torch.zeros(count.numel(), 1),
        shape=shape,
        bounds=Bounds(lower=LOWER[None], upper=UPPER[None]),
        count=count,
    )
    with torch.no_grad(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("ponder_render.renderer.evaluate_field", evaluate_plainly)
        patch.setattr(
            "ponder_render.sampling.rounds.evaluate_sdf_keeping",
            lambda field, at, keep: (field.sdf(at.coordinate, at.feature), []),
        )
        rendered = renderer(volume, rays)
    assert skip_empty is None or rendered.samples.evaluated.float().mean().item() < 0.8
    return rendered


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


@SKIPPING
@pytest.mark.parametrize("density", DENSITIES)
def test_a_plane_is_seen_at_its_distance(density: str, skip_empty: int | None) -> None:
    rays = fan()
    rendered = render(plane, rays, density, importance_for(density), skip_empty)
    expected = 2.9 / rays.direction[:, 0]
    assert bool(((rendered.distance - expected).abs() <= uniform_half_sample(rendered)).all())
    torch.testing.assert_close(rendered.opacity, torch.ones(40), atol=1e-3, rtol=0)
    torch.testing.assert_close(rendered.normal, torch.tensor([[-1.0, 0, 0]]).expand(40, 3), atol=1e-3, rtol=0)


@SKIPPING
@pytest.mark.parametrize("density", DENSITIES)
def test_a_sphere_is_seen_at_its_distance_with_its_normals(density: str, skip_empty: int | None) -> None:
    rays = fan()
    rendered = render(sphere, rays, density, 64, skip_empty)
    along = (rays.origin * rays.direction).sum(dim=1)
    expected = -along - (along.square() - 1.8**2 + 0.8**2).sqrt()
    seen = ~expected.isnan() & (along.square() - 1.8**2 + 0.8**2 > 0.05)
    assert int(seen.sum()) > 20
    assert bool(((rendered.distance - expected).abs() <= uniform_half_sample(rendered))[seen].all())
    point = rays.origin + expected[:, None] * rays.direction
    torch.testing.assert_close(rendered.normal[seen], point[seen] / 0.8, atol=0.05, rtol=0)


@SKIPPING
@pytest.mark.parametrize("form", ["discrete", "midpoint"])
def test_the_largest_weight_lies_at_the_surface(form: str, skip_empty: int | None) -> None:
    """NeuS is unbiased: no other interval than the one that the surface crosses weighs most."""
    rays = fan()
    rendered = render(plane, rays, form, skip_empty=skip_empty)
    expected = 2.9 / rays.direction[:, 0]
    best = rendered.weights.argmax(dim=1, keepdim=True)
    width = (rendered.samples.end - rendered.samples.start).gather(1, best)[:, 0]
    start = rendered.samples.start.gather(1, best)[:, 0]
    assert bool((start <= expected + 0.5 * width).all())
    assert bool((expected <= start + 1.5 * width).all())


@SKIPPING
@pytest.mark.parametrize("density", DENSITIES)
def test_what_lies_behind_a_wall_weighs_nothing(density: str, skip_empty: int | None) -> None:
    """Two thin walls: less than 1 % of the light reaches the second."""

    def walls(position: Tensor) -> Tensor:
        x = position[:, 0]
        return torch.minimum((x - 0.2).abs(), (x - 1.2).abs()) - 0.1

    rays = fan()
    rendered = render(walls, rays, density, importance_for(density), skip_empty)
    x = rays.origin[:, :1] + rendered.samples.middle * rays.direction[:, :1]
    assert rendered.weights.masked_fill(x < 0.7, 0).sum(dim=1).max().item() < 0.01
    assert rendered.weights.masked_fill(x > 0.7, 0).sum(dim=1).min().item() > 0.99
    first = (0.1 + 1.8) / rays.direction[:, 0]
    assert bool(((rendered.distance - first).abs() <= uniform_half_sample(rendered)).all())


@SKIPPING
@pytest.mark.parametrize("density", DENSITIES)
def test_a_box_is_seen_at_its_distance(density: str, skip_empty: int | None) -> None:
    """A box with faces at right angles to the axes, seen from in front: a corner never comes first."""
    half = torch.tensor([0.6, 0.8, 0.7])

    def box(position: Tensor) -> Tensor:
        beyond = position.abs() - half
        return beyond.clamp(min=0).norm(dim=1) + beyond.amax(dim=1).clamp(max=0)

    rays = fan()
    rendered = render(box, rays, density, 64, skip_empty)
    expected = (1.8 - 0.6) / rays.direction[:, 0]
    side = (expected[:, None] * rays.direction[:, 1:]).abs()
    seen = (side < half[1:] - 0.1).all(dim=1)
    assert int(seen.sum()) > 20
    assert bool(((rendered.distance - expected).abs() <= uniform_half_sample(rendered))[seen].all())
    faces = torch.tensor([[-1.0, 0, 0]]).expand(int(seen.sum()), 3)
    torch.testing.assert_close(rendered.normal[seen], faces, atol=0.02, rtol=0)


def test_the_largest_weight_of_volsdf_lies_a_known_way_behind_the_surface() -> None:
    """Head on: where y = (1 - y)^2 with y = exp(-depth / beta) / 2, at 0.27 beta; see VolsdfDensity."""
    beta, edges = 0.1, torch.linspace(0, 4, 40001, dtype=torch.float64)
    depth = 0.5 * (edges[1:] + edges[:-1]) - 2
    weights = render_weights(volsdf_opacity(-depth[None], (edges[1:] - edges[:-1])[None], beta))
    expected = -beta * torch.tensor(3 - 5**0.5).log().item()
    assert depth[weights.argmax()].item() == pytest.approx(expected, abs=2e-4)
    assert expected == pytest.approx(0.269 * beta, rel=1e-2)
