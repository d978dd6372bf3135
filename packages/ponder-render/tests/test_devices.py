"""Other devices: where results lie, worked out without a device (fake tensors), and the numbers on one."""

import copy
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
    RayTargets,
    RendererConfig,
    RenderingLossConfig,
    SamplerConfig,
    VolumeRenderer,
    find_corners,
    interpolate,
    rendering_losses,
    spatial_gradient,
)
from torch._subclasses.fake_tensor import FakeTensorMode

MakeVolume = Callable[..., FeatureVolume]
MakeRays = Callable[..., RayBundle]


def make_renderer(form: str = "discrete", skip_empty: int | None = None) -> VolumeRenderer:
    torch.manual_seed(0)
    config = RendererConfig(
        volume_shape=(5, 4, 3),
        dense=DenseNetConfig(channels=4, groups=2, projected_channels=None),
        field=FieldConfig(hidden=8, semantic_channels=3),
        density=NeusConfig.model_validate({"form": form}),
        sampler=SamplerConfig(uniform=8, importance=4, depth_guided=2, skip_empty=skip_empty),
        background=(1.0, 1.0, 1.0),
    )
    return VolumeRenderer(config, in_channels=4)


@pytest.mark.parametrize("form", ["discrete", "midpoint"])
def test_rendering_stays_on_the_device_of_its_inputs(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Fake modules cannot be converted to another memory format, and rendering does not need this one.
    monkeypatch.setattr("ponder_render.renderer.build_dense_net", lambda *_: torch.nn.Identity())
    with FakeTensorMode(), torch.device("cuda"):
        renderer = make_renderer(form)
        volume = FeatureVolume(
            table=torch.zeros(60, 4, device="cuda"),
            shape=(5, 4, 3),
            bounds=Bounds(lower=torch.zeros(1, 3, device="cuda"), upper=torch.ones(1, 3, device="cuda")),
            count=torch.zeros(1, 5, 4, 3, dtype=torch.long, device="cuda"),
        )
        rays = RayBundle(
            origin=torch.zeros(6, 3, device="cuda"),
            direction=torch.ones(6, 3, device="cuda"),
            volume_index=torch.zeros(6, dtype=torch.long, device="cuda"),
        )
        rendered = renderer(volume, rays, sensed_distance=torch.ones(6, device="cuda"))
        for value in (
            rendered.color,
            rendered.distance,
            rendered.normal,
            rendered.semantic,
            rendered.weights,
        ):
            assert value.device.type == "cuda"
        assert rendered.weights.shape == (6, 14)
        corners = find_corners(rays.origin, rays.volume_index, volume)
        feature = interpolate(volume.table, corners)
        assert spatial_gradient(volume.table, corners, feature).device.type == "cuda"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("skip_empty", [None, 0])
@pytest.mark.parametrize("form", ["discrete", "midpoint"])
def test_cpu_and_cuda_agree(form: str, skip_empty: int | None) -> None:
    results = []
    for device in ("cpu", "cuda"):
        renderer = copy.deepcopy(make_renderer(form, skip_empty)).to(device)
        generator = torch.Generator().manual_seed(0)
        coord = torch.rand(300, 3, generator=generator) * torch.tensor([3.0, 2.0, 2.0])
        features = torch.randn(300, 4, generator=generator).to(device).requires_grad_()
        direction = torch.nn.functional.normalize(torch.randn(40, 3, generator=generator), dim=1)
        rays = RayBundle(
            origin=torch.tensor([[1.5, 1.0, 1.0]]).repeat(40, 1).to(device),
            direction=direction.to(device),
            volume_index=torch.zeros(40, dtype=torch.long, device=device),
        )
        lower, upper = coord.amin(0, keepdim=True).to(device), coord.amax(0, keepdim=True).to(device)
        volume = renderer.build_volume(
            features, coord.to(device), torch.tensor([300], device=device), lower, upper
        )
        targets = RayTargets(
            color=torch.rand(40, 3, generator=generator).to(device),
            distance=torch.full((40,), 0.8, device=device),
            semantic=torch.arange(40, device=device) % 4 - 1,
        )
        rendered = renderer(volume, rays, generator=generator, sensed_distance=targets.distance)
        losses = rendering_losses(rendered, targets, RenderingLossConfig())
        losses.total.backward()
        assert features.grad is not None
        tensors = [rendered.color, rendered.distance, rendered.normal, losses.total, features.grad]
        results.append([tensor.detach().cpu() for tensor in tensors])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=2e-3)
