"""Volumes in bfloat16 and float16: rounded once when stored, added up in float32."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_render import (
    Bounds,
    Corners,
    DenseNetConfig,
    FeatureVolume,
    FieldConfig,
    RayBundle,
    RendererConfig,
    VolumeRenderer,
    evaluate_field,
    find_corners,
    interpolate,
    place,
    spatial_gradient,
)
from ponder_render.volume.query import interpolate_reference, spatial_gradient_reference
from torch import Tensor

MakeVolume = Callable[..., FeatureVolume]
MakeRays = Callable[..., RayBundle]
HALVES = [torch.bfloat16, torch.float16]
UNIT_ROUNDOFF = {torch.bfloat16: 2.0**-8, torch.float16: 2.0**-11}
"""Largest relative error of rounding to the nearest number of each type."""


def draw(seed: int, samples: int = 30, channels: int = 5) -> tuple[FeatureVolume, Corners, Tensor]:
    """A float32 volume of features of very different sizes, corners in it, and directions in feature space."""
    generator = torch.Generator().manual_seed(seed)
    size = 2.0 ** torch.randint(-4, 5, (24, 1), generator=generator)
    volume = FeatureVolume(
        table=size * torch.randn(24, channels, generator=generator),
        shape=(4, 3, 2),
        bounds=Bounds(lower=torch.zeros(1, 3), upper=torch.tensor([[2.0, 1.0, 3.0]])),
        count=torch.ones(1, 4, 3, 2, dtype=torch.long),
    )
    position = torch.rand(samples, 3, generator=generator) * volume.bounds.upper
    corners = find_corners(position, torch.zeros(samples, dtype=torch.long), volume)
    return volume, corners, torch.randn(samples, channels, generator=generator)


@pytest.mark.parametrize("dtype", HALVES)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_queries_differ_from_float32_by_the_rounding_of_the_volume(seed: int, dtype: torch.dtype) -> None:
    volume, corners, direction = draw(seed)
    half, roundoff = volume.to_dtype(dtype).table, 1.01 * UNIT_ROUNDOFF[dtype]
    found, exact = interpolate(half, corners), interpolate(volume.table, corners)
    assert found.dtype == torch.float32
    allowed = roundoff * interpolate_reference(volume.table.abs(), corners) + 1e-5
    assert bool(((found - exact).abs() <= allowed).all())
    found = spatial_gradient(half, corners, direction)
    exact = spatial_gradient(volume.table, corners, direction)
    contracted = (volume.table[corners.rows] * direction[:, None]).abs().sum(dim=2)
    allowed = roundoff * (corners.weight_gradients.abs() * contracted[:, None]).sum(dim=2) + 1e-3
    assert bool(((found - exact).abs() <= allowed).all())


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("chunk", [7, 1024])
def test_sums_are_those_of_the_widened_volume(
    dtype: torch.dtype, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accumulation in float32: nothing but the stored numbers is rounded."""
    monkeypatch.setattr("ponder_render.volume.query.WIDENING_CHUNK", chunk)
    volume, corners, direction = draw(0)
    half = volume.to_dtype(dtype).table
    torch.testing.assert_close(interpolate(half, corners), interpolate(half.float(), corners))
    torch.testing.assert_close(
        spatial_gradient(half, corners, direction), spatial_gradient(half.float(), corners, direction)
    )
    torch.testing.assert_close(
        spatial_gradient(half, corners, direction),
        spatial_gradient_reference(half.float(), corners, direction),
    )


@pytest.mark.parametrize("dtype", HALVES)
def test_gradients_of_the_volume_are_added_up_in_float32(dtype: torch.dtype) -> None:
    """1000 samples at one place: added up in bfloat16, their gradients would stop growing at 256."""
    volume, corners, direction = draw(0, samples=1)
    many = corners.slice(0, 1)
    many = Corners(
        rows=many.rows.expand(1000, -1),
        weights=many.weights.expand(1000, -1),
        weight_gradients=many.weight_gradients.expand(1000, -1, -1),
    )
    moving = direction.expand(1000, -1)
    queries = (lambda table: interpolate(table, many), lambda table: spatial_gradient(table, many, moving))
    for query in queries:
        ours = volume.table.to(dtype).requires_grad_()
        wide = ours.detach().float().requires_grad_()
        (found,) = torch.autograd.grad(query(ours).sum(), ours)
        (exact,) = torch.autograd.grad(query(wide).sum(), wide)
        assert found.dtype == dtype
        assert exact.abs().max() > 256
        torch.testing.assert_close(found.float(), exact, rtol=1.01 * UNIT_ROUNDOFF[dtype], atol=1e-3)


@pytest.mark.parametrize("recompute", [False, True])
def test_the_whole_evaluation_widens_and_reaches_the_volume(
    make_volume: MakeVolume, make_rays: MakeRays, recompute: bool
) -> None:
    torch.manual_seed(0)
    volume = make_volume(dtype=torch.float32)
    renderer = VolumeRenderer(
        RendererConfig(dense=DenseNetConfig(channels=4, groups=2), field=FieldConfig(hidden=8)), in_channels=4
    )
    rays = make_rays(volume, 6)
    distance = torch.rand(6, 5, generator=torch.Generator().manual_seed(2))
    results = []
    for dtype in (torch.bfloat16, torch.float32):
        stored = volume.to_dtype(torch.bfloat16).to_dtype(dtype)
        stored.table.requires_grad_()
        values = evaluate_field(
            renderer.field, stored.table, place(stored, rays, distance), recompute=recompute
        )
        assert values.color is not None
        loss = values.sdf.sum() + values.color.square().sum() + values.gradient.square().sum()
        results.append((values.color, values.gradient, torch.autograd.grad(loss, stored.table)[0].float()))
    torch.testing.assert_close(results[0][:2], results[1][:2])
    torch.testing.assert_close(results[0][2], results[1][2], rtol=1.01 * 2.0**-8, atol=1e-5)


@pytest.mark.parametrize(("precision", "dtype"), [("bfloat16", torch.bfloat16), ("float16", torch.float16)])
def test_the_renderer_stores_what_its_config_says(precision: str, dtype: torch.dtype) -> None:
    pictures = []
    for name in (precision, "full"):
        torch.manual_seed(0)
        config = RendererConfig.model_validate(
            {"volume_shape": (6, 6, 4), "volume_precision": name, "dense": {"projected_channels": None}}
        )
        renderer = VolumeRenderer(config, in_channels=3)
        coord = torch.rand(200, 3)
        features = torch.randn(200, 3, requires_grad=True)
        volume = renderer.build_volume(
            features, coord, torch.tensor([200]), torch.zeros(1, 3), torch.ones(1, 3)
        )
        direction = torch.nn.functional.normalize(torch.randn(20, 3), dim=1)
        rays = RayBundle(
            origin=torch.full((20, 3), 0.5),
            direction=direction,
            volume_index=torch.zeros(20, dtype=torch.long),
        )
        rendered = renderer(volume, rays)
        assert rendered.color is not None
        rendered.color.sum().backward()
        assert features.grad is not None
        assert bool(features.grad.any())
        assert volume.table.dtype == (dtype if name == precision else torch.float32)
        pictures.append(rendered.color.detach())
    assert not torch.equal(*pictures)
    torch.testing.assert_close(*pictures, atol=0.02, rtol=0)
