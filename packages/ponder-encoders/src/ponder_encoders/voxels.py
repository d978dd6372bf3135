"""Points in metres to the occupied cells of a grid, each with the mean of its points."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from ponder_encoders.image.voxel_grid import VoxelGrid
from ponder_encoders.position_batch import PositionBatch
from ponder_encoders.sparse.keys import check_range, pack_keys
from ponder_encoders.sparse.tensor import OccupiedCells, scene_of_points


@dataclass(frozen=True, slots=True, kw_only=True)
class Voxels:
    """The occupied cells of a batch of scenes.

    Attributes:
        features: mean over the points of each cell of their position (metres) and features.
        points: number of points in each cell.
        cells: which cells these are, bounded by the grid.
        scenes: number of scenes in the batch, those without points included.
        dropped: number of points outside the grid, which no cell holds.
    """

    features: Float[Tensor, "cells channels"]
    points: Int64[Tensor, " cells"]
    cells: OccupiedCells
    scenes: int
    dropped: int


def voxelize(batch: PositionBatch, grid: VoxelGrid, headroom: int = 0) -> Voxels:
    """Average the points of each cell of ``grid``: HardSimpleVFE of SECOND, without a limit on points or cells.

    Cell ``i`` of an axis holds ``lower + i * size <= position < lower + (i + 1) * size``, decided in float64. What
    lies outside, or is not finite, is dropped and counted. Sums follow the order of the points, so the same batch
    gives the same bits on every run.

    Args:
        batch: packed points; a scene may have none.
        grid: the cells, the same for every scene.
        headroom: empty cells to append to the grid above its box, for convolutions whose strides want them.

    Returns:
        Features of ``3 + channels`` columns, x y z first. Gradients reach the batch's positions and features, though
        not through the choice of the cell.

    Raises:
        ValueError: no point lies inside the grid, or offsets that do not fit.
    """
    count = batch.positions.shape[0]
    scene = scene_of_points(batch.offsets, count)
    lower = torch.tensor(grid.lower, dtype=torch.float64, device=batch.positions.device)
    size = torch.tensor(grid.cell_size, dtype=torch.float64, device=batch.positions.device)
    shape = torch.tensor(grid.shape, device=batch.positions.device)
    place = torch.floor((batch.positions.detach().double() - lower) / size)
    inside = ((place >= 0) & (place < shape)).all(dim=1).nonzero().squeeze(1)
    if inside.shape[0] == 0:
        raise ValueError(
            f"none of the {count} points lies inside the grid from {grid.lower} to {grid.upper} metres: "
            "check the frame and the unit of the positions"
        )
    coordinates = place.index_select(0, inside).long()
    check_range(coordinates, batch.offsets.shape[0], "the grid's cells span")
    keys, order = torch.sort(pack_keys(scene.index_select(0, inside), coordinates), stable=True)
    cell_keys, points = torch.unique_consecutive(keys, return_counts=True)
    rows = torch.cat([batch.positions, batch.features], dim=1).index_select(0, inside[order])
    x, y, z = grid.shape
    return Voxels(
        features=torch.segment_reduce(rows, "mean", lengths=points),
        points=points,
        cells=OccupiedCells(cell_keys, (x, y, z + headroom)),
        scenes=batch.offsets.shape[0],
        dropped=count - inside.shape[0],
    )
