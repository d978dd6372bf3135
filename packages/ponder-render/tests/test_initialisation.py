"""The field before training: free space, a ball, a room."""

from collections.abc import Callable

import pytest
import torch
from ponder_render import (
    DenseNetConfig,
    FeatureVolume,
    FieldConfig,
    NeuralField,
    NeusConfig,
    RayBundle,
    RayTargets,
    RendererConfig,
    RenderingLossConfig,
    VolumeRenderer,
    rendering_losses,
)
from ponder_render.field.initialisation import even_directions
from pydantic import ValidationError
from torch import Tensor

MakeVolume = Callable[..., FeatureVolume]
MakeRays = Callable[..., RayBundle]


def in_the_box(count: int = 1000) -> Tensor:
    return 2 * torch.rand(count, 3, generator=torch.Generator().manual_seed(5)) - 1


@pytest.mark.parametrize("hidden", [16, 32, 100])
@pytest.mark.parametrize("layers", [1, 2, 6])
@pytest.mark.parametrize(("kind", "sign"), [("sphere", 1), ("room", -1)])
def test_any_width_and_depth_starts_as_a_ball(hidden: int, layers: int, kind: str, sign: int) -> None:
    torch.manual_seed(0)
    settings = {"hidden": hidden, "sdf_layers": layers, "initialisation": kind, "initial_half_side": 2.0}
    field = NeuralField(FieldConfig.model_validate({**settings, "initial_radius": 0.6}), channels=8)
    coordinate = in_the_box()
    geometry = field.geometry(coordinate, torch.zeros(1000, 8))
    expected = sign * 2 * (coordinate.norm(dim=1) - 0.6)
    torch.testing.assert_close(geometry.sdf, expected, atol=0.3, rtol=0)
    assert (geometry.sdf - expected).abs().mean() < 0.05
    assert (geometry.coordinate_gradient.norm(dim=1) / 2 - 1).abs().mean() < 0.05
    along = torch.nn.functional.cosine_similarity(geometry.coordinate_gradient, sign * coordinate)
    assert along.mean() > 0.97


@pytest.mark.parametrize("layers", [1, 5])
def test_features_move_the_ball_by_the_spread(layers: int) -> None:
    torch.manual_seed(0)
    config = FieldConfig(hidden=32, sdf_layers=layers, initialisation="sphere", initial_spread=0.05)
    field = NeuralField(config, channels=8)
    coordinate, feature = in_the_box(), torch.randn(1000, 8)
    moved = field.sdf(coordinate, feature) - field.sdf(coordinate, torch.zeros_like(feature))
    assert moved.std().item() == pytest.approx(0.05, rel=0.25)
    feature.requires_grad_()
    (gradient,) = torch.autograd.grad(field.sdf(coordinate, feature).sum(), feature)
    assert bool((gradient.norm(dim=1) > 0).all())


def test_a_field_without_features_can_be_a_ball() -> None:
    field = NeuralField(FieldConfig(initialisation="sphere"), channels=0)
    assert field.sdf(torch.zeros(1, 3), torch.zeros(1, 0)).item() == pytest.approx(-0.5, abs=0.05)


def test_a_ball_needs_coordinates_and_a_hidden_layer() -> None:
    with pytest.raises(ValidationError, match="initialisation = sphere needs coordinate = box"):
        FieldConfig(initialisation="sphere", coordinate="none")
    with pytest.raises(ValidationError, match="sdf_layers >= 1, not box and 0"):
        FieldConfig(initialisation="room", sdf_layers=0)


def test_directions_are_unit_vectors_spread_evenly() -> None:
    directions = even_directions(200)
    torch.testing.assert_close(directions.norm(dim=1), torch.ones(200))
    assert directions.mean(dim=0).norm() < 0.02
    torch.testing.assert_close(directions.t() @ directions / 200, torch.eye(3) / 3, atol=0.02, rtol=0)


def test_an_untrained_renderer_shows_the_ball(make_volume: MakeVolume) -> None:
    """Seen from outside in an anisotropic box: an ellipsoid, with normals in world units."""
    torch.manual_seed(0)
    config = RendererConfig(
        dense=DenseNetConfig(channels=4, groups=2),
        field=FieldConfig(initialisation="sphere", hidden=128, initial_spread=1e-4, initial_half_side=1.5),
        density=NeusConfig(initial_sharpness=300.0),
    )
    renderer = VolumeRenderer(config, in_channels=4)
    volume = make_volume(batch=1, dtype=torch.float32)
    half, middle = (
        0.5 * volume.bounds.size[0],
        0.5 * (volume.bounds.lower + volume.bounds.upper)[0],
    )
    for axis in range(3):
        direction = torch.eye(3)[axis : axis + 1]
        rays = RayBundle(origin=middle - 3 * direction, direction=direction, volume_index=torch.tensor([0]))
        seen = renderer.render_chunks(volume, rays)
        assert seen.distance.item() == pytest.approx(3 - 0.5 * half[axis].item(), abs=0.05)
        expected = -1.5 / half[axis] * direction
        torch.testing.assert_close(seen.normal, expected, atol=0.1, rtol=0.05)


@pytest.mark.parametrize("color_layers", [None, 0, 2])
@pytest.mark.parametrize("semantic_channels", [None, 3])
def test_each_head_may_be_absent(
    make_volume: MakeVolume, make_rays: MakeRays, color_layers: int | None, semantic_channels: int | None
) -> None:
    field = FieldConfig(hidden=8, color_layers=color_layers, semantic_channels=semantic_channels)
    config = RendererConfig(dense=DenseNetConfig(channels=4, groups=2), field=field)
    renderer = VolumeRenderer(config, in_channels=4)
    volume = make_volume(dtype=torch.float32)
    rays = make_rays(volume)
    rendered = renderer(volume, rays)
    assert (rendered.color is None) == (color_layers is None)
    assert (rendered.semantic is None) == (semantic_channels is None)
    chunked = renderer.render_chunks(volume, rays)
    assert (chunked.color is None, chunked.semantic is None) == (
        color_layers is None,
        semantic_channels is None,
    )
    targets = RayTargets(
        color=torch.rand(12, 3), distance=torch.full((12,), 0.5), semantic=torch.arange(12) % 3
    )
    losses = rendering_losses(rendered, targets, RenderingLossConfig())
    assert ("color" in losses.named()) == (color_layers is not None)
    assert ("semantic" in losses.named()) == (semantic_channels is not None)
    losses.total.backward()
    for head in (renderer.field.color_head, renderer.field.semantic_head):
        for parameter in [] if head is None else head.parameters():
            assert parameter.grad is not None
