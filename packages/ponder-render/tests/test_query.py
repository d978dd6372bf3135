from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from ponder_render import Corners, FeatureVolume, find_corners, interpolate, spatial_gradient
from ponder_render.volume.corners import Border, join_corners
from ponder_render.volume.query import interpolate_reference, spatial_gradient_reference
from ponder_render.volume.scatter import scatter_rows
from torch import Tensor

MakeVolume = Callable[..., FeatureVolume]


def positions(volume: FeatureVolume, count: int = 40, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Positions inside and around the boxes, and the volumes they belong to."""
    generator = torch.Generator().manual_seed(seed)
    index = torch.arange(count) % len(volume.bounds)
    unit = torch.rand(count, 3, generator=generator, dtype=volume.table.dtype) * 1.5 - 0.25
    return volume.bounds.lower[index] + unit * volume.bounds.size[index], index


@pytest.mark.parametrize(("border", "padding"), [("clamp", "border"), ("zeros", "zeros")])
@pytest.mark.parametrize("shape", [(5, 4, 3), (1, 2, 1)])
def test_interpolation_agrees_with_grid_sample(
    make_volume: MakeVolume, border: Border, padding: str, shape: tuple[int, int, int]
) -> None:
    volume = make_volume(shape=shape)
    position, index = positions(volume)
    found = interpolate(volume.table, find_corners(position, index, volume, border))
    for sample in range(len(position)):
        b = int(index[sample])
        unit = 2 * (position[sample] - volume.bounds.lower[b]) / volume.bounds.size[b] - 1
        grid = unit.flip(0).view(1, 1, 1, 1, 3)
        one = volume.channels_first[b : b + 1]
        expected = F.grid_sample(one, grid, padding_mode=padding, align_corners=False).view(-1)
        torch.testing.assert_close(found[sample], expected)


@pytest.mark.parametrize("border", ["clamp", "zeros"])
def test_weight_gradients_are_the_derivatives_of_the_weights(make_volume: MakeVolume, border: Border) -> None:
    volume = make_volume()
    position, index = positions(volume)
    position.requires_grad_()
    corners = find_corners(position, index, volume, border)
    for k in range(8):
        (expected,) = torch.autograd.grad(corners.weights[:, k].sum(), position, retain_graph=True)
        torch.testing.assert_close(corners.weight_gradients[:, :, k], expected)


@pytest.mark.parametrize("border", ["clamp", "zeros"])
def test_spatial_gradient_agrees_with_finite_differences(make_volume: MakeVolume, border: Border) -> None:
    """In world units, in boxes and grids that differ in every axis."""
    volume = make_volume()
    position, index = positions(volume)
    direction = torch.randn(len(position), 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = spatial_gradient(volume.table, find_corners(position, index, volume, border), direction)
    step = 1e-6
    for axis in range(3):
        shift = torch.zeros(3, dtype=torch.float64)
        shift[axis] = step
        ahead = interpolate(volume.table, find_corners(position + shift, index, volume, border))
        behind = interpolate(volume.table, find_corners(position - shift, index, volume, border))
        expected = ((ahead - behind) / (2 * step) * direction).sum(dim=1)
        torch.testing.assert_close(found[:, axis], expected, atol=1e-7, rtol=1e-6)


def test_far_outside_the_border_rules(make_volume: MakeVolume) -> None:
    volume = make_volume(batch=1)
    position = torch.tensor([[1e9, 0.0, 0.0], [-1e30, 1e30, 0.0]], dtype=torch.float64)
    index = torch.zeros(2, dtype=torch.long)
    clamped = interpolate(volume.table, find_corners(position, index, volume, "clamp"))
    last = volume.channels_first[0, :, -1].amax(dim=(1, 2)), volume.channels_first[0, :, -1].amin(dim=(1, 2))
    assert bool((clamped[0] <= last[0] + 1e-9).all() and (clamped[0] >= last[1] - 1e-9).all())
    assert not bool(interpolate(volume.table, find_corners(position, index, volume, "zeros")).any())


def test_gradients_of_the_fast_queries(make_volume: MakeVolume) -> None:
    volume = make_volume(channels=3, shape=(3, 2, 2))
    corners = find_corners(*positions(volume, 10), volume)
    table = volume.table.requires_grad_()
    direction = torch.randn(10, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    direction.requires_grad_()
    torch.autograd.gradcheck(lambda t: interpolate(t, corners), table)
    torch.autograd.gradcheck(lambda t, g: spatial_gradient(t, corners, g), (table, direction))


def test_second_gradients_of_the_reference(make_volume: MakeVolume) -> None:
    volume = make_volume(channels=2, shape=(2, 2, 2), batch=1)
    position, index = positions(volume, 4)
    table = volume.table.requires_grad_()
    direction = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    position.requires_grad_()

    def query(t: Tensor, p: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        corners = find_corners(p, index, volume)
        return interpolate_reference(t, corners), spatial_gradient_reference(t, corners, g)

    torch.autograd.gradgradcheck(query, (table, position, direction))


def test_fast_and_reference_queries_agree(make_volume: MakeVolume) -> None:
    volume = make_volume()
    corners = find_corners(*positions(volume), volume)
    direction = torch.randn(40, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        interpolate(volume.table, corners), interpolate_reference(volume.table, corners)
    )
    torch.testing.assert_close(
        spatial_gradient(volume.table, corners, direction),
        spatial_gradient_reference(volume.table, corners, direction),
    )


def test_chunks_of_jacobians_do_not_show(make_volume: MakeVolume, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = make_volume()
    corners = find_corners(*positions(volume), volume)
    direction = torch.randn(40, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    whole = spatial_gradient(volume.table, corners, direction)
    monkeypatch.setattr("ponder_render.volume.query.CHUNK", 7)
    torch.testing.assert_close(spatial_gradient(volume.table, corners, direction), whole)


def test_parts_of_corners_join_to_the_whole(make_volume: MakeVolume) -> None:
    volume = make_volume()
    corners = find_corners(*positions(volume), volume)
    joined = join_corners([corners.slice(0, 13), corners.slice(13, 40)])
    for name in ("rows", "weights", "weight_gradients"):
        assert torch.equal(getattr(joined, name), getattr(corners, name))


def test_scatter_agrees_with_a_loop_and_repeats_itself() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(0, 9, (30, 8), generator=generator)
    terms = [
        (torch.randn(30, 8, generator=generator), torch.randn(30, 5, generator=generator)) for _ in range(2)
    ]
    expected = torch.zeros(11, 5)
    for weight, value in terms:
        for sample in range(30):
            for k in range(8):
                expected[rows[sample, k]] += weight[sample, k] * value[sample]
    found = scatter_rows(11, rows, terms)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert torch.equal(found, scatter_rows(11, rows, terms))


def test_no_samples_are_no_error(make_volume: MakeVolume) -> None:
    volume = make_volume()
    corners = find_corners(torch.zeros(0, 3, dtype=torch.float64), torch.zeros(0, dtype=torch.long), volume)
    assert isinstance(corners, Corners)
    table = volume.table.requires_grad_()
    (grad,) = torch.autograd.grad(interpolate(table, corners).sum(), table)
    assert not bool(grad.any())
