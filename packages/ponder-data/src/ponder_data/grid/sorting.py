"""The cells of a regular grid that points occupy, found by sorting."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ponder_data.grid.span import GridSpan, long_rows

CHUNK = 2**15
"""Points whose cells are computed at a time."""


def cell_numbers(coord: Float[Tensor, "points 3"], span: GridSpan) -> Int[Tensor, " points"]:
    """Return the grid cell of every point as one number, ``(x * extent[1] + y) * extent[2] + z``, int64."""
    extent, lowest = span.extent, span.lowest
    side = torch.tensor(span.side, dtype=torch.float64, device=coord.device)
    steps = torch.tensor((extent[1] * extent[2], extent[2], 1), dtype=torch.float64, device=coord.device)
    # Whole numbers below 2^53 are exact in float64, whose products are faster.
    exact = span.cells < 2**53
    number = torch.empty(coord.shape[0], dtype=torch.int64, device=coord.device)
    unwritten = number
    for rows in long_rows(coord):
        length = rows.shape[1] // 3
        # Chunks stay in the processor's cache.
        for points in rows.split(max(1, CHUNK // length)):
            # The one new tensor; all that follows works in it.
            place = points.double() / side.repeat(length)
            place = place.floor_().sub_(lowest.repeat(length)).view(-1, 3)
            out, unwritten = unwritten.tensor_split((place.shape[0],))
            out.copy_(place @ steps if exact else (place.long() * steps.long()).sum(dim=1))
    return number


def cell_coordinates(number: Int[Tensor, " cells"], span: GridSpan) -> Int[Tensor, "cells 3"]:
    """Return the cells with these numbers, counted from the lowest along each axis, int64."""
    _, ny, nz = span.extent
    # Quotients of whole numbers below 2^52 are floored exactly in float64, which divides faster.
    exact = span.cells < 2**52
    cells = torch.empty(number.shape[0], 3, dtype=torch.int64, device=number.device)
    for given, out in zip(number.split(CHUNK), cells.split(CHUNK), strict=True):
        part = given.double() if exact else given
        column = torch.div(part, nz, rounding_mode="trunc")
        x = torch.div(column, ny, rounding_mode="trunc")
        out[:, 0], out[:, 1], out[:, 2] = x, column - x * ny, part - column * nz
    return cells


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedCells:
    """Points in the order of their cells, and within a cell in their own.

    Attributes:
        order: the points; those of cell ``i`` lie in ``start[i] : start[i] + count[i]``.
        start, count: of every occupied cell.
        grid_coord: the occupied cells, in order of (x, y, z), z fastest, counted from the lowest along each axis.
        inverse: for every point, its cell.
    """

    order: Int[Tensor, " points"]
    start: Int[Tensor, " cells"]
    count: Int[Tensor, " cells"]
    grid_coord: Int[Tensor, "cells 3"]
    inverse: Int[Tensor, " points"]

    def points_at(self, share: Float[Tensor, " cells"]) -> Int[Tensor, " cells"]:
        """Return a point of every cell: the one after ``int(share * count)`` others of it; shares in [0, 1)."""
        return self.order.index_select(0, self.start + (share * self.count).long())

    def sorted(self) -> "SortedCells":
        """Return itself."""
        return self


def _sorted_numbers(
    number: Int[Tensor, " points"], cells: int
) -> tuple[Int[Tensor, " points"], Int[Tensor, " points"]]:
    """Return the numbers, below ``cells``, in order, and the points in that order; equal numbers keep theirs."""
    points = number.shape[0]
    bits = (points - 1).bit_length()
    if number.device.type != "cpu" or (cells - 1).bit_length() + bits > 63:
        # 32 bits sort faster.
        return torch.sort(number.int() if cells < 2**31 else number, stable=True)
    # Number and point in one word: NumPy sorts words with vector instructions, twice as fast as torch sorts pairs.
    words = (number << bits).bitwise_or_(torch.arange(points))
    words.numpy().sort()
    return words >> bits, words & (2**bits - 1)


def sort_cells(coord: Float[Tensor, "points 3"], span: GridSpan) -> SortedCells:
    """Return the points, which lie in ``span``, sorted by grid cell."""
    number, order = _sorted_numbers(cell_numbers(coord, span), span.cells)
    occupied, sorted_inverse, count = torch.unique_consecutive(
        number, return_inverse=True, return_counts=True
    )
    return SortedCells(
        order=order,
        start=count.cumsum(0) - count,
        count=count,
        grid_coord=cell_coordinates(occupied, span),
        inverse=torch.empty_like(order).scatter_(0, order, sorted_inverse),
    )
