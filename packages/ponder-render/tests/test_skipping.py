"""Rendering with empty space left out: the same pictures and gradients, from fewer evaluations."""

from collections.abc import Callable
from dataclasses import fields, replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ponder_render import (
    DenseNetConfig,
    FeatureVolume,
    FieldConfig,
    NeusConfig,
    RayBundle,
    RayTargets,
    Rendered,
    RendererConfig,
    RenderingLossConfig,
    SamplerConfig,
    VolumeRenderer,
    evaluate_field,
    rendering_losses,
)
from ponder_render.compositing import accumulate_packed, render_weights, render_weights_packed
from torch import Tensor

MakeVolume = Callable[..., FeatureVolume]
MakeRays = Callable[..., RayBundle]

SAMPLER = SamplerConfig(uniform=12, importance=6, importance_steps=2, depth_guided=3, keep_empty=0)


def make_renderer(form: str = "discrete", **sampler: object) -> VolumeRenderer:
    torch.manual_seed(0)
    config = RendererConfig(
        volume_shape=(5, 4, 3),
        dense=DenseNetConfig(channels=4, projected_channels=None, groups=2),
        field=FieldConfig(hidden=8, semantic_channels=3, initial_sdf=0.0, initial_spread=0.5, beta=20),
        density=NeusConfig.model_validate({"form": form, "initial_sharpness": 8.0}),
        sampler=SAMPLER.model_copy(update=sampler),
        background=(0.1, 0.2, 0.3),
    )
    return VolumeRenderer(config, in_channels=4).double()


def some_cells(volume: FeatureVolume, share: float = 0.2, seed: int = 3) -> FeatureVolume:
    generator = torch.Generator().manual_seed(seed)
    return replace(volume, count=(torch.rand(volume.count.shape, generator=generator) < share).long())


def make_targets(rays: int, seed: int = 4) -> RayTargets:
    generator = torch.Generator().manual_seed(seed)
    return RayTargets(
        color=torch.rand(rays, 3, generator=generator, dtype=torch.float64),
        distance=0.2 + torch.rand(rays, generator=generator, dtype=torch.float64),
        semantic=torch.arange(rays) % 4 - 1,
    )


def step(
    model: VolumeRenderer, volume: FeatureVolume, rays: RayBundle, seed: int | None
) -> tuple[Rendered, list[Tensor]]:
    """A rendering with depth-guided samples, and the gradients of all its losses."""
    table = volume.table.detach().requires_grad_()
    targets = make_targets(len(rays))
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    rendered = model(
        replace(volume, table=table), rays, generator=generator, sensed_distance=targets.distance
    )
    total = rendering_losses(rendered, targets, RenderingLossConfig(eikonal=0.5)).total
    return rendered, list(
        torch.autograd.grad(total, [table, *model.field.parameters(), *model.density.parameters()])
    )


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000), form=st.sampled_from(["discrete", "midpoint"]), jitter=st.booleans())
def test_where_every_cell_is_occupied_nothing_changes(
    make_volume: MakeVolume, make_rays: MakeRays, seed: int, form: str, jitter: bool
) -> None:
    volume = make_volume(seed=seed)
    rays = make_rays(volume, 16, seed=seed)
    dense, dense_grads = step(make_renderer(form), volume, rays, seed if jitter else None)
    skipping, grads = step(make_renderer(form, skip_empty=0), volume, rays, seed if jitter else None)
    assert torch.equal(skipping.samples.evaluated, dense.samples.evaluated)
    for name in ("color", "distance", "normal", "semantic", "opacity", "weights"):
        torch.testing.assert_close(getattr(skipping, name), getattr(dense, name))
    for ours, theirs in zip(grads, dense_grads, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("form", ["discrete", "midpoint"])
def test_kept_intervals_are_those_of_the_dense_path(
    make_volume: MakeVolume, make_rays: MakeRays, form: str
) -> None:
    """Without importance samples: the same opacities where both ends are kept, none elsewhere."""
    volume = some_cells(make_volume(shape=(12, 10, 8)), share=0.1)
    rays = make_rays(volume, 60)
    dense = make_renderer(form, importance=0)(volume, rays)
    skipping = make_renderer(form, importance=0, skip_empty=0)(volume, rays)
    assert torch.equal(dense.samples.distance, skipping.samples.distance)
    seen = skipping.samples.evaluated
    assert 10 < int(seen.sum()) < 0.9 * int(dense.samples.evaluated.sum())
    torch.testing.assert_close(skipping.values.sdf[seen], dense.values.sdf[seen])
    counted = seen.clone()
    if form == "discrete":
        counted[:, :-1] &= seen[:, 1:]
    model = make_renderer(form)
    opacity = model.density(dense.values.sdf, dense.values.gradient, rays.direction, dense.samples)
    expected = render_weights(torch.where(counted, opacity, 0.0))
    torch.testing.assert_close(skipping.weights, expected)
    assert not bool(skipping.weights[~counted].any())


def test_dense_rows_and_packed_samples_agree(make_volume: MakeVolume, make_rays: MakeRays) -> None:
    model = make_renderer(skip_empty=0)
    volume = some_cells(make_volume())
    rays = make_rays(volume, 30)
    rendered = model(volume, rays)
    seen, packed = rendered.samples.evaluated, rendered.samples.packed()
    values = rendered.values
    opacity = model.density(values.sdf, values.gradient, rays.direction, rendered.samples)[seen]
    weights = render_weights_packed(opacity, packed)
    torch.testing.assert_close(weights, rendered.weights[seen])
    total = accumulate_packed(weights, torch.ones_like(weights)[:, None], packed)
    torch.testing.assert_close(total[:, 0], rendered.opacity)
    distance = accumulate_packed(weights, packed.middle[:, None], packed)
    torch.testing.assert_close(distance[:, 0], rendered.distance)
    torch.testing.assert_close(accumulate_packed(weights, values.gradient[seen], packed), rendered.normal)
    assert values.color is not None
    color = accumulate_packed(weights, values.color[seen], packed)
    color = color + (1 - total) * torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)
    torch.testing.assert_close(color, rendered.color)


def test_the_field_is_evaluated_at_kept_samples_alone(
    make_volume: MakeVolume, make_rays: MakeRays, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed: list[int] = []

    def counting(field, table, placement, **settings):
        placed.append(len(placement))
        return evaluate_field(field, table, placement, **settings)

    monkeypatch.setattr("ponder_render.renderer.evaluate_field", counting)
    volume = some_cells(make_volume(), share=0.1)
    rays = make_rays(volume, 30)
    rendered = make_renderer(skip_empty=0)(volume, rays)
    assert placed == [int(rendered.samples.evaluated.sum())]
    assert 0 < placed[0] < 0.8 * rendered.weights.numel()


def test_an_empty_volume_renders_its_background(make_volume: MakeVolume, make_rays: MakeRays) -> None:
    volume = some_cells(make_volume(), share=0)
    rays = make_rays(volume, 8)
    rendered, grads = step(make_renderer(skip_empty=1, depth_guided=0), volume, rays, 0)
    assert not bool(rendered.samples.evaluated.any())
    assert rendered.opacity.tolist() == rendered.distance.tolist() == [0] * 8
    torch.testing.assert_close(
        rendered.color, torch.tensor([[0.1, 0.2, 0.3]], dtype=torch.float64).expand(8, 3)
    )
    assert not any(bool(grad.any()) for grad in grads)


def test_the_surroundings_of_a_sensed_surface_are_evaluated(
    make_volume: MakeVolume, make_rays: MakeRays
) -> None:
    """Input points may be masked where a surface was sensed; depth-guided samples look there all the same."""
    volume = some_cells(make_volume(), share=0)
    rays = make_rays(volume, 20)
    rendered, grads = step(make_renderer(skip_empty=0), volume, rays, 0)
    sensed = make_targets(20).distance[:, None]
    within = (rendered.samples.start[:, :1] < sensed) & (sensed < rendered.samples.end[:, -1:])
    near = ((rendered.samples.distance - sensed).abs() <= SAMPLER.depth_guided_width) & within
    assert int(near.sum()) > 20
    assert bool(rendered.samples.evaluated[near].all())
    assert not bool(rendered.samples.evaluated.all())
    assert bool(grads[0].any())


def test_a_share_of_empty_samples_can_be_kept(make_volume: MakeVolume, make_rays: MakeRays) -> None:
    """At random in training, so that free-space and eikonal losses act there; not in evaluation."""
    volume = some_cells(make_volume(), share=0)
    rays = make_rays(volume, 400)
    model = make_renderer(skip_empty=0, keep_empty=0.25, importance=0, depth_guided=0)
    rendered, grads = step(model, volume, rays, 0)
    valid = rendered.samples.valid
    share = rendered.samples.evaluated[valid].double().mean().item()
    assert share == pytest.approx(0.25, abs=0.03)
    assert bool(grads[0].any())
    assert not bool(model(volume, rays).samples.evaluated.any())


def test_order_and_chunks_of_rays_do_not_show(make_volume: MakeVolume, make_rays: MakeRays) -> None:
    model, volume = make_renderer(skip_empty=1, depth_guided=0), some_cells(make_volume(), share=0.05)
    rays = make_rays(volume, 23)
    whole = model.render_chunks(volume, rays, chunk=100)
    parts = model.render_chunks(volume, rays, chunk=7)
    order = torch.randperm(23, generator=torch.Generator().manual_seed(0))
    shuffled = RayBundle(
        origin=rays.origin[order], direction=rays.direction[order], volume_index=rays.volume_index[order]
    )
    permuted = model.render_chunks(volume, shuffled)
    for entry in fields(whole):
        torch.testing.assert_close(getattr(parts, entry.name), getattr(whole, entry.name))
        torch.testing.assert_close(getattr(permuted, entry.name), getattr(whole, entry.name)[order])
