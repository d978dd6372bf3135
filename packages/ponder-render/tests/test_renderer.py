"""The whole renderer: what must not change its pictures. test_equations.py holds it against plain loops."""

from collections.abc import Callable
from dataclasses import fields, replace

import pytest
import torch
import torch.nn.functional as F
from ponder_render import (
    Bounds,
    DenseNetConfig,
    FeatureVolume,
    FieldConfig,
    RayBundle,
    RayTargets,
    Rendered,
    RendererConfig,
    RenderingLossConfig,
    SamplerConfig,
    VolumeRenderer,
    densify,
    rendering_losses,
)
from ponder_render.sampling.distances import importance_distances
from torch import Tensor

MakeVolume = Callable[..., FeatureVolume]
MakeRays = Callable[..., RayBundle]


def make_renderer(**changes: object) -> VolumeRenderer:
    torch.manual_seed(0)
    settings: dict[str, object] = {
        "volume_shape": (5, 4, 3),
        "dense": DenseNetConfig(channels=4, projected_channels=None, groups=2),
        "field": FieldConfig(hidden=8, semantic_channels=3, initial_sdf=0.0, initial_spread=0.5, beta=20),
        "sampler": SamplerConfig(uniform=9, importance=6, importance_steps=2),
        **changes,
    }
    return VolumeRenderer(RendererConfig.model_validate(settings), in_channels=4).double()


def test_gradients_of_all_losses_agree_with_finite_differences(
    make_volume: MakeVolume, make_rays: MakeRays
) -> None:
    """Through sampling, query, field, density, compositing and every loss, along random directions."""
    renderer = make_renderer(sampler=SamplerConfig(uniform=9, importance=0))
    volume, generator = make_volume(), torch.Generator().manual_seed(4)
    rays = make_rays(volume, 8)
    targets = RayTargets(
        color=torch.rand(8, 3, generator=generator, dtype=torch.float64),
        distance=0.2 + torch.rand(8, generator=generator, dtype=torch.float64),
        semantic=torch.arange(8) % 4 - 1,
    )
    inputs = [volume.table.requires_grad_(), *renderer.field.parameters(), *renderer.density.parameters()]

    def loss() -> Tensor:
        return rendering_losses(renderer(volume, rays), targets, RenderingLossConfig(eikonal=0.5)).total

    grads = torch.autograd.grad(loss(), inputs)
    for x, grad in zip(inputs, grads, strict=True):
        step = torch.randn(x.shape, dtype=x.dtype, generator=generator)
        sides = []
        with torch.no_grad():
            for sign in (1, -1):
                x += sign * 1e-6 * step
                sides.append(loss().item())
                x -= sign * 1e-6 * step
        slope = (sides[0] - sides[1]) / 2e-6
        assert (grad * step).sum().item() == pytest.approx(slope, rel=2e-4, abs=1e-6)


def test_chunks_do_not_show(make_volume: MakeVolume, make_rays: MakeRays) -> None:
    renderer, volume = make_renderer(), make_volume()
    rays = make_rays(volume, 23)
    whole = renderer.render_chunks(volume, rays, chunk=100)
    parts = renderer.render_chunks(volume, rays, chunk=7)
    for entry in fields(whole):
        torch.testing.assert_close(getattr(parts, entry.name), getattr(whole, entry.name))
    torch.testing.assert_close(renderer(volume, rays).color, whole.color)
    assert whole.color is not None
    assert not whole.color.requires_grad


def test_the_order_of_rays_does_not_matter(make_volume: MakeVolume, make_rays: MakeRays) -> None:
    renderer, volume = make_renderer(), make_volume()
    rays = make_rays(volume, 15)
    order = torch.randperm(15, generator=torch.Generator().manual_seed(0))
    shuffled = RayBundle(
        origin=rays.origin[order], direction=rays.direction[order], volume_index=rays.volume_index[order]
    )
    a, b = renderer(volume, rays), renderer(volume, shuffled)
    torch.testing.assert_close(b.color, a.color[order])
    torch.testing.assert_close(b.distance, a.distance[order])


def test_volumes_of_a_batch_do_not_mix(make_volume: MakeVolume, make_rays: MakeRays) -> None:
    renderer, volume = make_renderer(), make_volume()
    rays = make_rays(volume, 10)
    before = renderer.render_chunks(volume, rays)
    cells = volume.table.shape[0] // 2
    changed = torch.cat([volume.table[:cells], torch.zeros_like(volume.table[cells:])])
    after = renderer.render_chunks(replace(volume, table=changed), rays)
    first = rays.volume_index == 0
    assert before.color is not None
    assert after.color is not None
    assert torch.equal(before.color[first], after.color[first])
    assert not torch.equal(before.color[~first], after.color[~first])


def test_rays_that_miss_are_empty_and_harmless(make_volume: MakeVolume) -> None:
    renderer, volume = make_renderer(background=(0.2, 0.4, 0.6)), make_volume()
    rays = RayBundle(
        origin=torch.full((2, 3), 50.0, dtype=torch.float64),
        direction=torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], dtype=torch.float64),
        volume_index=torch.zeros(2, dtype=torch.long),
    )
    rendered = renderer(replace(volume, table=volume.table.requires_grad_()), rays)
    assert rendered.opacity.tolist() == rendered.distance.tolist() == [0, 0]
    torch.testing.assert_close(rendered.color, torch.tensor([[0.2, 0.4, 0.6]] * 2, dtype=torch.float64))
    targets = RayTargets(
        color=torch.rand(2, 3).double(), distance=torch.ones(2).double(), semantic=torch.ones(2).long()
    )
    losses = rendering_losses(rendered, targets, RenderingLossConfig())
    assert losses.total.item() == 0
    losses.total.backward()
    assert volume.table.grad is not None
    assert not bool(volume.table.grad.any())


@pytest.mark.parametrize("form", ["normalized", "far"])
def test_other_forms_of_distance(make_volume: MakeVolume, make_rays: MakeRays, form: str) -> None:
    volume = make_volume()
    rays = make_rays(volume, 10)
    plain, other = make_renderer()(volume, rays), make_renderer(distance=form)(volume, rays)
    hit = plain.opacity > 1e-3
    assert int(hit.sum()) > 2
    far = plain.samples.end[:, -1]
    expected = {
        "normalized": plain.distance / plain.opacity,
        "far": plain.distance + (1 - plain.opacity) * far,
    }[form]
    torch.testing.assert_close(other.distance[hit], expected[hit])
    assert not bool(other.distance[~plain.samples.valid].any())


def test_jitter_comes_from_the_generator_alone(make_volume: MakeVolume, make_rays: MakeRays) -> None:
    renderer, volume = make_renderer(), make_volume()
    rays = make_rays(volume, 10)

    def distances(seed: int | None) -> Tensor:
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        rendered: Rendered = renderer(volume, rays, generator=generator)
        return rendered.samples.distance

    assert torch.equal(distances(1), distances(1))
    assert not torch.equal(distances(1), distances(2))
    assert torch.equal(distances(None), distances(None))


def test_depth_guided_samples_only_where_depth_is_given(make_volume: MakeVolume, make_rays: MakeRays) -> None:
    renderer = make_renderer(sampler=SamplerConfig(uniform=8, importance=4, depth_guided=5))
    volume = make_volume()
    rays = make_rays(volume, 10)
    assert renderer(volume, rays).weights.shape == (10, 12)
    sensed = torch.full((10,), 0.3, dtype=torch.float64)
    rendered = renderer(volume, rays, sensed_distance=sensed)
    assert rendered.weights.shape == (10, 17)
    distance = rendered.samples.distance
    assert bool((distance[:, 1:] >= distance[:, :-1]).all())


@pytest.mark.parametrize("kind", ["conv", "unet"])
def test_points_to_picture_with_gradients_everywhere(kind: str) -> None:
    """Batch of one, sides that are no multiples of four, under autocast: float32 all the way."""
    torch.manual_seed(0)
    dense = DenseNetConfig.model_validate({"kind": kind, "channels": 8, "projected_channels": 8})
    config = RendererConfig(
        volume_shape=(9, 7, 6),
        dense=dense,
        field=FieldConfig(hidden=16, semantic_channels=5),
        sampler=SamplerConfig(uniform=8, importance=4),
    )
    renderer = VolumeRenderer(config, in_channels=12)
    coord = torch.rand(200, 3) * torch.tensor([4.0, 3.0, 2.5])
    features = torch.randn(200, 12, dtype=torch.bfloat16, requires_grad=True)
    direction = F.normalize(torch.randn(30, 3), dim=1)
    index = torch.zeros(30, dtype=torch.long)
    rays = RayBundle(
        origin=torch.tensor([[2.0, 1.5, 1.2]]).expand(30, 3), direction=direction, volume_index=index
    )
    targets = RayTargets(color=torch.rand(30, 3), distance=torch.ones(30), semantic=index)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        lower, upper = coord.amin(0, keepdim=True), coord.amax(0, keepdim=True)
        volume = renderer.build_volume(features, coord, torch.tensor([200]), lower, upper)
        rendered = renderer(volume, rays)
        losses = rendering_losses(rendered, targets, RenderingLossConfig())
        losses.total.backward()
    assert volume.table.dtype == torch.float32
    assert rendered.values.sdf.dtype == torch.float32
    assert volume.table.shape == (9 * 7 * 6, 8)
    assert features.grad is not None
    assert bool(features.grad.any())
    for name, parameter in renderer.named_parameters():
        assert parameter.grad is not None, name
        assert bool(torch.isfinite(parameter.grad).all()), name
        assert bool(parameter.grad.any()), name


def test_projecting_points_is_a_convolution_of_the_pooled_volume() -> None:
    torch.manual_seed(0)
    dense = DenseNetConfig(kind="conv", channels=4, projected_channels=4)
    renderer = VolumeRenderer(RendererConfig(volume_shape=(4, 4, 4), dense=dense), in_channels=6).double()
    plain_dense = dense.model_copy(update={"projected_channels": None})
    plain = VolumeRenderer(RendererConfig(volume_shape=(4, 4, 4), dense=plain_dense), in_channels=6).double()
    assert isinstance(renderer.project, torch.nn.Linear)
    conv, plain_conv = renderer.dense.convolution, plain.dense.convolution
    assert isinstance(conv, torch.nn.Conv3d)
    assert isinstance(plain_conv, torch.nn.Conv3d)
    with torch.no_grad():
        plain_conv.weight.copy_(torch.einsum("oixyz,ic->ocxyz", conv.weight, renderer.project.weight))
        assert plain_conv.bias is not None
        assert conv.bias is not None
        plain_conv.bias.copy_(conv.bias)
    coord, features = torch.rand(100, 3).double(), torch.randn(100, 6).double()
    arguments = (features, coord, torch.tensor([100]), torch.zeros(1, 3).double(), torch.ones(1, 3).double())
    torch.testing.assert_close(plain.build_volume(*arguments).table, renderer.build_volume(*arguments).table)


def test_features_in_cells_make_the_volume_of_the_points_they_are_of() -> None:
    renderer = make_renderer(dense=DenseNetConfig(channels=4, projected_channels=3, kind="conv"), margin=0.0)
    generator = torch.Generator().manual_seed(2)
    coord = torch.rand(50, 3, dtype=torch.float64, generator=generator)
    features = torch.randn(50, 4, dtype=torch.float64, generator=generator)
    offsets = torch.tensor([20, 50])
    lower, upper = torch.zeros(2, 3, dtype=torch.float64), torch.ones(2, 3, dtype=torch.float64)
    bounds = Bounds(lower=lower, upper=upper)
    pooled = densify(features, coord, offsets, bounds, (5, 4, 3))
    expected = renderer.build_volume(features, coord, offsets, lower, upper)
    built = renderer.build_volume_from_cells(pooled.features, pooled.count, bounds)
    torch.testing.assert_close(built.table, expected.table)
    assert torch.equal(built.count, expected.count)
    with pytest.raises(
        ValueError, match=r"features have \(4, 4, 3\) cells but renderer.volume_shape is \(5, 4, 3\)"
    ):
        renderer.build_volume_from_cells(pooled.features[:, :, 1:], pooled.count[:, 1:], bounds)


def test_a_volume_of_other_channels_is_an_error(make_volume: MakeVolume, make_rays: MakeRays) -> None:
    volume = make_volume(channels=7)
    with pytest.raises(ValueError, match="the volume has 7 channels and 0 for the heads alone, but"):
        make_renderer()(volume, make_rays(volume, 3))


def test_the_heads_channels_are_the_last_of_the_volume(make_rays: MakeRays) -> None:
    """One dense network makes both, and its gradients come from both."""
    generator = torch.Generator().manual_seed(0)
    coord = torch.rand(200, 3, generator=generator, dtype=torch.float64) * 4
    features = torch.randn(200, 4, generator=generator, dtype=torch.float64)
    offsets, corners = torch.tensor([200]), coord.aminmax(dim=0)
    arguments = features, coord, offsets, corners.min[None], corners.max[None]
    dense = DenseNetConfig(kind="conv", channels=8, projected_channels=None)
    together = make_renderer(dense=dense)
    apart = make_renderer(dense=dense, field=FieldConfig(hidden=8, appearance_channels=3))
    apart.dense.load_state_dict(together.dense.state_dict())
    apart.project.load_state_dict(together.project.state_dict())
    whole, halves = together.build_volume(*arguments), apart.build_volume(*arguments)
    assert halves.appearance is not None
    assert torch.equal(torch.cat([halves.table, halves.appearance], dim=1), whole.table)
    rendered = apart(halves, make_rays(halves, 10))
    assert rendered.color is not None
    (grad,) = torch.autograd.grad(rendered.color.sum(), next(apart.dense.parameters()))
    assert grad[:5].any()
    assert grad[5:].any()


def test_groups_that_do_not_divide_are_an_error() -> None:
    with pytest.raises(ValueError, match="3 groups do not divide 4 channels"):
        make_renderer(dense=DenseNetConfig(channels=4, groups=3))


@pytest.mark.parametrize("coordinate", ["box", "cell", "none"])
def test_importance_samples_follow_the_sdf_that_is_rendered(
    make_volume: MakeVolume, make_rays: MakeRays, coordinate: str
) -> None:
    """The field that guides the samples reads the same coordinates as the one that is composited."""
    field = FieldConfig(hidden=8, initial_sdf=0.0, initial_spread=0.5, beta=20).model_copy(
        update={"coordinate": coordinate}
    )
    volume = make_volume()
    rays = make_rays(volume, 20)
    few = make_renderer(field=field, sampler=SamplerConfig(uniform=9, importance=0))(volume, rays)
    more = make_renderer(field=field, sampler=SamplerConfig(uniform=9, importance=6))(volume, rays)
    half_side = 0.5 * volume.bounds.size.amax(dim=1)[rays.volume_index, None]
    new = importance_distances(few.samples.distance, few.values.sdf, 64 / half_side, 6)
    expected, _ = torch.cat([few.samples.distance, new], dim=1).sort(dim=1)
    torch.testing.assert_close(more.samples.distance, expected)


def test_normalised_points_say_nothing_by_the_size_of_their_features() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(40, 4, generator=generator, dtype=torch.float64)
    coord = torch.rand(40, 3, generator=generator, dtype=torch.float64)
    size = 0.5 + 30 * torch.rand(40, 1, generator=generator, dtype=torch.float64)
    scene = coord, torch.tensor([40]), torch.zeros(1, 3), torch.ones(1, 3)

    def table(features: Tensor, *, normalise: bool) -> Tensor:
        return make_renderer(normalise_points=normalise).build_volume(features, *scene).table

    centred = features - features.mean(dim=1, keepdim=True)
    unit = centred / (centred.square().mean(dim=1, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(table(features, normalise=True), table(unit, normalise=False))
    torch.testing.assert_close(
        table(size * features, normalise=True), table(features, normalise=True), rtol=1e-3, atol=1e-3
    )
    assert not torch.allclose(
        table(size * features, normalise=False), table(features, normalise=False), atol=0.1
    )
