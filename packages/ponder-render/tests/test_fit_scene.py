"""End to end: a small volume and its field learn an analytic scene from rays, in seconds."""

import pytest
import torch
from ponder_render import (
    Bounds,
    DenseNetConfig,
    FeatureVolume,
    FieldConfig,
    NeusConfig,
    RayBundle,
    RayTargets,
    RendererConfig,
    RenderingLossConfig,
    SamplerConfig,
    UnisurfConfig,
    VolsdfConfig,
    VolumeRenderer,
    rendering_losses,
)
from torch import Tensor

SHAPE = (16, 16, 16)


def look(rays: RayBundle) -> RayTargets:
    """A coloured ball of radius 0.6 in a room that reaches from -1 to 1."""
    origin, direction = rays.origin, rays.direction
    along = (origin * direction).sum(dim=1)
    inside = along.square() - origin.square().sum(dim=1) + 0.36
    ball = -along - inside.clamp(min=0).sqrt()
    wall = ((direction.sign() - origin) / direction).amin(dim=1)
    on_ball = (inside > 0) & (ball > 0)
    distance = torch.where(on_ball, ball, wall)
    point = origin + distance[:, None] * direction
    color = torch.where(on_ball[:, None], 0.5 + 0.5 * torch.sin(4 * point), 0.5 + 0.4 * torch.cos(3 * point))
    return RayTargets(color=color, distance=distance, semantic=on_ball.long())


def rays_into_the_room(count: int, seed: int) -> RayBundle:
    generator = torch.Generator().manual_seed(seed)
    origin = 0.85 * torch.nn.functional.normalize(torch.randn(count, 3, generator=generator), dim=1)
    direction = 0.35 * torch.randn(count, 3, generator=generator) - origin
    return RayBundle(
        origin=origin,
        direction=torch.nn.functional.normalize(direction, dim=1),
        volume_index=torch.zeros(count, dtype=torch.long),
    )


def psnr(color: Tensor | None, truth: Tensor) -> float:
    assert color is not None
    return -10 * (color - truth).square().mean().log10().item()


@pytest.mark.slow
@pytest.mark.parametrize("density", [NeusConfig(), VolsdfConfig(), UnisurfConfig()], ids=lambda c: c.kind)
def test_views_of_a_scene_are_learned(density: NeusConfig | VolsdfConfig | UnisurfConfig) -> None:
    torch.manual_seed(0)
    config = RendererConfig(
        dense=DenseNetConfig(channels=8),
        field=FieldConfig(hidden=32, semantic_channels=2, semantic_layers=0),
        density=density,
        sampler=SamplerConfig(uniform=24, importance=8),
    )
    renderer = VolumeRenderer(config, in_channels=8)
    table = (0.3 * torch.randn(16**3, 8)).requires_grad_()
    bounds = Bounds(lower=torch.full((1, 3), -1.1), upper=torch.full((1, 3), 1.1))
    volume = FeatureVolume(
        table=table, shape=SHAPE, bounds=bounds, count=torch.zeros(1, *SHAPE, dtype=torch.long)
    )
    held_out = rays_into_the_room(1000, seed=1)
    truth = look(held_out)
    before = renderer.render_chunks(volume, held_out)
    networks = [*renderer.field.parameters(), *renderer.density.parameters()]
    optimizer = torch.optim.Adam([{"params": [table], "lr": 0.02}, {"params": networks, "lr": 0.004}])
    generator = torch.Generator().manual_seed(2)
    for step in range(150):
        rays = rays_into_the_room(256, seed=100 + step)
        targets = look(rays)
        rendered = renderer(volume, rays, generator=generator)
        losses = rendering_losses(rendered, targets, RenderingLossConfig(semantic=1))
        losses.check_finite()
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
    after = renderer.render_chunks(volume, held_out)
    mean_color = psnr(truth.color.mean(dim=0).expand(1000, 3), truth.color)
    assert psnr(after.color, truth.color) > max(psnr(before.color, truth.color), mean_color) + 5
    error = (after.distance - truth.distance).abs().mean()
    assert error < 0.5 * (truth.distance - truth.distance.mean()).abs().mean()
    assert after.semantic is not None
    wrong = (after.semantic.argmax(dim=1) != truth.semantic).float().mean()
    assert wrong < 0.6 * (truth.semantic == 0).float().mean()
