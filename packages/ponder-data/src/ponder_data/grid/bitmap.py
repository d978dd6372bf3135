"""The cells of a regular grid that points occupy, found by a bitmap of all cells: nothing is compared."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ponder_data.grid.sorting import SortedCells
from ponder_data.grid.span import GridSpan
from ponder_data.optional import has_numba

LEAST_POINTS = 50_000
"""Smaller clouds are sorted within a few milliseconds; importing numba takes a second."""

CELLS_PER_POINT = 128
"""A bitmap is gone through once, and takes 16 bytes for 64 cells: here, 32 bytes a point at most."""

BLOCK = 512
"""Points that are divided by the cell at a time, in the processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BitmapCells:
    """Points and their cells, without an order of the points; the same cells as :class:`SortedCells`.

    Attributes:
        count: points of every occupied cell.
        grid_coord: the occupied cells, in order of (x, y, z), z fastest, counted from the lowest along each axis.
        inverse: for every point, its cell.
    """

    count: Int[Tensor, " cells"]
    grid_coord: Int[Tensor, "cells 3"]
    inverse: Int[Tensor, " points"]

    def points_at(self, share: Float[Tensor, " cells"]) -> Int[Tensor, " cells"]:
        """Return a point of every cell: the one after ``int(share * count)`` others of it; shares in [0, 1)."""
        from ponder_data.grid import bitmap_kernels

        index = torch.empty(self.count.shape, dtype=torch.int64)
        bitmap_kernels.pick_points(
            self.inverse.numpy(), self.count.numpy(), share.contiguous().numpy(), index.numpy()
        )
        return index

    def sorted(self) -> SortedCells:
        """Return the points in the order of their cells."""
        from ponder_data.grid import bitmap_kernels

        start = self.count.cumsum(0) - self.count
        order = torch.empty_like(self.inverse)
        bitmap_kernels.sort_points(self.inverse.numpy(), start.clone().numpy(), order.numpy())
        return SortedCells(
            order=order,
            start=start,
            count=self.count.long(),
            grid_coord=self.grid_coord,
            inverse=self.inverse,
        )


def bitmap_is_faster(coord: Float[Tensor, "points 3"], span: GridSpan) -> bool:
    """Say whether :func:`bitmap_cells` can and should be used: on CPU, with numba, for many points close together."""
    points = coord.shape[0]
    return (
        LEAST_POINTS <= points < 2**31
        and span.cells <= CELLS_PER_POINT * points
        and coord.device.type == "cpu"
        and coord.dtype in (torch.float32, torch.float64)
        and has_numba()
    )


def bitmap_cells(coord: Float[Tensor, "points 3"], span: GridSpan) -> BitmapCells:
    """Return the cells of points on the CPU, float32 or float64, that lie in ``span``, by loops of numba."""
    from ponder_data.grid import bitmap_kernels

    _, ny, nz = span.extent
    words = np.zeros((-(-span.cells // 64), 2), np.uint64)
    inverse = torch.empty(coord.shape[0], dtype=torch.int64)
    bitmap_kernels.mark_cells(
        coord.detach().contiguous().view(-1).numpy(),
        np.tile(span.side, BLOCK),
        np.tile(span.lowest.numpy(), BLOCK),
        np.array((ny * nz, nz), np.float64),
        words,
        inverse.numpy(),
    )
    occupied = int(bitmap_kernels.count_before(words))
    grid_coord = torch.empty(occupied, 3, dtype=torch.int64)
    bitmap_kernels.list_cells(words, ny, nz, grid_coord.numpy())
    bitmap_kernels.rank_cells(words, inverse.numpy())
    count = torch.zeros(occupied, dtype=torch.int32)
    bitmap_kernels.count_points(inverse.numpy(), count.numpy())
    return BitmapCells(count=count, grid_coord=grid_coord, inverse=inverse)
