"""Voxels against a loop over points, and dense volumes."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_encoders import PositionBatch, voxelize
from ponder_encoders.image.voxel_grid import VoxelGrid
from ponder_encoders.sparse import densify
from ponder_encoders.sparse.backend_torch import TorchBackend
from ponder_encoders.sparse.keys import unpack_keys
from ponder_encoders.sparse.tensor import OccupiedCells, SparseTensor
from torch import Tensor

GRID = VoxelGrid(lower=(-1.0, 0.0, 2.0), upper=(1.0, 3.0, 4.0), shape=(4, 3, 2))


def make_batch(positions: Tensor, counts: tuple[int, ...], channels: int = 2) -> PositionBatch:
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(len(positions), channels, generator=generator, dtype=positions.dtype)
    return PositionBatch(positions=positions, features=features, offsets=torch.tensor(counts).cumsum(0))


# Quarters: many points fall exactly on the borders of cells and of the box.
quarter = st.integers(-8, 20).map(lambda number: number / 4)


@settings(max_examples=30, deadline=None)
@given(scenes=st.lists(st.lists(st.tuples(quarter, quarter, quarter), max_size=12), min_size=1, max_size=3))
def test_cells_and_means_are_those_of_a_loop(scenes: list[list[tuple[float, float, float]]]) -> None:
    flat = [point for scene in scenes for point in scene] + [(0.1, 0.1, 2.1)]
    counts = (*(len(scene) for scene in scenes[:-1]), len(scenes[-1]) + 1)
    batch = make_batch(torch.tensor(flat), counts)
    rows = torch.cat([batch.positions, batch.features], dim=1)
    expected: dict[tuple[int, ...], list[Tensor]] = {}
    scene_of = [scene for scene, count in enumerate(counts) for _ in range(count)]
    for row, scene in zip(rows, scene_of, strict=True):
        cell = tuple(
            math.floor((p - low) / size)
            for p, low, size in zip(row[:3].tolist(), GRID.lower, GRID.cell_size, strict=True)
        )
        if all(0 <= c < n for c, n in zip(cell, GRID.shape, strict=True)):
            expected.setdefault((scene, *cell), []).append(row)
    voxels = voxelize(batch, GRID)
    scene, coordinates = unpack_keys(voxels.cells.keys)
    found = [(s, *c) for s, c in zip(scene.tolist(), coordinates.tolist(), strict=True)]
    assert found == sorted(expected)
    assert voxels.points.tolist() == [len(expected[cell]) for cell in found]
    means = torch.stack([torch.stack(expected[cell]).mean(0) for cell in found])
    torch.testing.assert_close(voxels.features, means)
    assert voxels.dropped == len(flat) - int(voxels.points.sum())
    assert voxels.scenes == len(scenes)
    assert voxels.cells.shape == GRID.shape


def test_points_that_are_not_finite_are_dropped() -> None:
    positions = torch.tensor([[0.0, 1.0, 3.0], [math.nan, 1.0, 3.0], [0.0, math.inf, 3.0]])
    voxels = voxelize(make_batch(positions, (3,)), GRID)
    assert voxels.dropped == 2
    assert voxels.features.isfinite().all()


def test_a_grid_without_points_is_refused() -> None:
    with pytest.raises(ValueError, match=r"none of the 2 points lies inside the grid .* check the frame"):
        voxelize(make_batch(torch.full((2, 3), 9.0), (2, 0)), GRID)


def test_gradients_of_the_mean() -> None:
    positions = torch.tensor([[0.1, 0.1, 2.1], [0.2, 0.3, 2.2], [-0.5, 2.1, 3.9], [7.0, 0.0, 0.0]]).double()
    batch = make_batch(positions, (3, 1))
    features = batch.features.clone().requires_grad_()

    def mean(positions: Tensor, features: Tensor) -> Tensor:
        moved = PositionBatch(positions=positions, features=features, offsets=batch.offsets)
        return voxelize(moved, GRID).features

    assert torch.autograd.gradcheck(mean, (positions.requires_grad_(), features))


def test_a_dense_volume_holds_each_cell_where_it_lies() -> None:
    positions = torch.tensor([[-0.9, 0.1, 2.1], [0.9, 2.9, 3.9], [0.2, 1.5, 3.5]])
    voxels = voxelize(make_batch(positions, (2, 0, 1)), GRID, headroom=1)
    features = voxels.features.clone().requires_grad_()
    tensor = SparseTensor(features=features, cells=voxels.cells, backend=TorchBackend())
    volume = densify(tensor, 3)
    assert volume.shape == (3, 5, 4, 3, 3)
    assert torch.equal(volume[0, :3, 0, 0, 0], positions[0])
    assert torch.equal(volume[0, :3, 3, 2, 1], positions[1])
    assert torch.equal(volume[2, :3, 2, 1, 1], positions[2])
    assert int((volume != 0).any(dim=1).sum()) == 3
    weight = torch.randn_like(volume)
    (volume * weight).sum().backward()
    rows = [weight[0, :, 0, 0, 0], weight[0, :, 3, 2, 1], weight[2, :, 2, 1, 1]]
    assert features.grad is not None
    assert torch.equal(features.grad, torch.stack(rows))


def test_cells_without_a_grid_have_no_volume() -> None:
    tensor = SparseTensor(
        features=torch.ones(1, 1), cells=OccupiedCells(torch.tensor([0])), backend=TorchBackend()
    )
    with pytest.raises(ValueError, match="1 cells may lie anywhere"):
        densify(tensor, 1)
