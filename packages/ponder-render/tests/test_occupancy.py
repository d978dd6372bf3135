"""Which cells may hold a surface, and which samples lie in them: against plain loops, and nerfacc on a GPU."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_render import Bounds, FeatureVolume, Occupancy, RayBundle, find_occupancy, intersect
from ponder_render.nerfacc_backend import load_nerfacc_cuda
from ponder_render.volume import occupancy as occupancy_module
from ponder_render.volume.occupancy import (
    occupied_samples,
    occupied_steps,
    occupied_steps_nerfacc,
    occupied_strata,
)
from torch import Tensor

MakeVolume = Callable[..., FeatureVolume]
MakeRays = Callable[..., RayBundle]


def scattered(volume: FeatureVolume, share: float, seed: int = 0) -> FeatureVolume:
    """The volume with points in a share of its cells."""
    generator = torch.Generator().manual_seed(seed)
    return replace(volume, count=(torch.rand(volume.count.shape, generator=generator) < share).long())


def occupied_by_loop(rays: RayBundle, near: Tensor, far: Tensor, occupancy: Occupancy, steps: int) -> Tensor:
    found = torch.zeros(len(rays), steps, dtype=torch.bool)
    for ray, step in itertools.product(range(len(rays)), range(steps)):
        if near[ray] == far[ray]:
            continue
        box = int(rays.volume_index[ray])
        t = near[ray] + (step + 0.5) / steps * (far[ray] - near[ray])
        point = rays.origin[ray] + t * rays.direction[ray]
        cell = []
        for axis in range(3):
            side = occupancy.cells.shape[1 + axis]
            share = (point[axis] - occupancy.bounds.lower[box, axis]) / occupancy.bounds.size[box, axis]
            cell.append(min(max(int(share * side), 0), side - 1))
        found[ray, step] = occupancy.cells[box, cell[0], cell[1], cell[2]]
    return found


@pytest.mark.parametrize("dilation", [0, 1, 2, 9])
def test_dilation_reaches_that_many_cells_along_every_axis(make_volume: MakeVolume, dilation: int) -> None:
    volume = scattered(make_volume(shape=(6, 5, 7)), share=0.02)
    assert 0 < int(volume.count.sum()) < 10
    expected = torch.zeros(volume.count.shape, dtype=torch.bool)
    for cell in itertools.product(*(range(side) for side in volume.count.shape)):
        low = [max(c - dilation, 0) for c in cell[1:]]
        high = [c + dilation + 1 for c in cell[1:]]
        block = volume.count[cell[0], low[0] : high[0], low[1] : high[1], low[2] : high[2]]
        expected[cell] = bool(block.any())
    assert torch.equal(find_occupancy(volume, dilation).cells, expected)


def test_strata_agree_with_a_plain_loop(make_volume: MakeVolume, make_rays: MakeRays) -> None:
    volume = scattered(make_volume(shape=(5, 4, 3)), share=0.3)
    rays, occupancy = make_rays(volume, 40), find_occupancy(volume, 0)
    span = intersect(rays, volume.bounds)
    found = occupied_steps(rays, span, occupancy, 13)
    assert 0 < int(found.sum()) < found.numel()
    assert torch.equal(found, occupied_by_loop(rays, span.near, span.far, occupancy, 13))
    probed = occupied_by_loop(rays, span.near, span.far, occupancy, 4 * occupancy.probes(4)).view(40, 4, -1)
    assert occupancy.probes(4) > 1
    assert torch.equal(occupied_strata(rays, span, occupancy, 4), probed.any(dim=2))


def test_packed_samples_are_the_occupied_strata(make_volume: MakeVolume, make_rays: MakeRays) -> None:
    volume = scattered(make_volume(), share=0.3)
    rays, occupancy = make_rays(volume, 20), find_occupancy(volume, 0)
    span = intersect(rays, volume.bounds)
    packed = occupied_samples(rays, span, occupancy, 11)
    rows = occupied_strata(rays, span, occupancy, 11)
    assert packed.ray_indices.tolist() == rows.nonzero()[:, 0].tolist()
    assert packed.offsets.tolist() == rows.sum(1).cumsum(0).tolist()
    assert packed.count.tolist() == rows.sum(1).tolist()
    assert len(packed) == int(rows.sum()) > 0
    width = ((span.far - span.near) / 11)[packed.ray_indices]
    step = rows.nonzero()[:, 1]
    torch.testing.assert_close(packed.start, span.near[packed.ray_indices] + step * width)
    torch.testing.assert_close(packed.end - packed.start, width)
    torch.testing.assert_close(packed.distance, packed.middle)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000), count=st.integers(2, 40), dilation=st.integers(1, 2))
def test_no_point_is_stepped_over(seed: int, count: int, dilation: int) -> None:
    """However few strata there are, a ray through the cell of a point has an occupied one around it."""
    generator = torch.Generator().manual_seed(seed)
    shape = (12, 9, 10)
    bounds = Bounds(lower=torch.tensor([[-1.0, 0.0, 2.0]]), upper=torch.tensor([[2.0, 2.0, 4.0]]))
    cell = [int(torch.randint(side, (), generator=generator)) for side in shape]
    counts = torch.zeros(1, *shape, dtype=torch.long)
    counts[0, cell[0], cell[1], cell[2]] = 3
    volume = FeatureVolume(table=torch.zeros(counts.numel(), 1), shape=shape, bounds=bounds, count=counts)
    inside = torch.rand(30, 3, generator=generator)
    target = bounds.lower + (torch.tensor(cell) + inside) / torch.tensor(shape) * bounds.size
    origin = target + 6 * torch.nn.functional.normalize(torch.randn(30, 3, generator=generator), dim=1)
    rays = RayBundle(
        origin=origin,
        direction=torch.nn.functional.normalize(target - origin, dim=1),
        volume_index=torch.zeros(30, dtype=torch.long),
    )
    span = intersect(rays, bounds)
    assert bool(span.hit.all())
    assert bool(occupied_strata(rays, span, find_occupancy(volume, dilation), count).any(dim=1).all())


def test_without_points_nothing_is_occupied(make_volume: MakeVolume, make_rays: MakeRays) -> None:
    volume = scattered(make_volume(), share=0)
    rays = make_rays(volume, 6)
    packed = occupied_samples(rays, intersect(rays, volume.bounds), find_occupancy(volume, 2), 8)
    assert len(packed) == 0
    assert packed.offsets.tolist() == [0] * 6


def test_a_machine_without_cuda_takes_plain_pytorch(
    make_volume: MakeVolume, make_rays: MakeRays, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("nerfacc's extension was asked for on a CPU")

    monkeypatch.setattr(occupancy_module, "load_nerfacc_cuda", never)
    volume = scattered(make_volume(dtype=torch.float32), share=0.3)
    rays = make_rays(volume, 6)
    assert bool(occupied_strata(rays, intersect(rays, volume.bounds), find_occupancy(volume, 1), 8).any())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("batch", [1, 3])
def test_nerfacc_finds_the_same_strata(make_volume: MakeVolume, make_rays: MakeRays, batch: int) -> None:
    nerfacc = load_nerfacc_cuda()
    if nerfacc is None:
        pytest.skip("nerfacc's CUDA extension cannot be loaded")
    volume = scattered(make_volume(shape=(20, 16, 8), batch=batch, dtype=torch.float32), share=0.2)
    rays = make_rays(volume, 500)
    bounds = Bounds(lower=volume.bounds.lower.cuda(), upper=volume.bounds.upper.cuda())
    occupancy = replace(find_occupancy(volume, 1), bounds=bounds)
    occupancy = replace(occupancy, cells=occupancy.cells.cuda())
    rays = RayBundle(
        origin=rays.origin.cuda(), direction=rays.direction.cuda(), volume_index=rays.volume_index.cuda()
    )
    span = intersect(rays, bounds)
    ours = occupied_steps(rays, span, occupancy, 64)
    theirs = occupied_steps_nerfacc(nerfacc, rays, span, occupancy, 64)
    assert (ours != theirs).float().mean().item() < 1e-3
