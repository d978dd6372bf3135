"""Grid sampling G (Eq. 1): one point kept in every cell of a regular grid."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ponder_data.scene import Scene, take_points

GridCell = float | tuple[float, float, float]
"""Side of a grid's cells in metres, or one along each axis."""

CHUNK = 2**15
"""Points whose cells are computed at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridSample:
    """The points kept by grid sampling.

    Attributes:
        index: the kept point of each occupied cell; cells are in order of (x, y, z), z fastest.
        grid_coord: the cell, counted from the lowest occupied one along each axis: non-negative.
        inverse: for every point given, the row of ``index`` that stands for its cell.
    """

    index: Int[Tensor, " kept"]
    grid_coord: Int[Tensor, "kept 3"]
    inverse: Int[Tensor, " points"]


def _check_cell(cell: GridCell) -> tuple[float, float, float]:
    """Return the cell's three sides in metres.

    Raises:
        ValueError: when a side is not a positive number.
    """
    sides = cell if isinstance(cell, tuple) else (cell, cell, cell)
    if not all(math.isfinite(side) and side > 0 for side in sides):
        raise ValueError(f"grid cell {cell} m: every side must be a positive number, e.g. 0.02 m indoors")
    return sides


@dataclass(frozen=True, slots=True, kw_only=True)
class CellNumbers:
    """The grid cell of every point as one number, ``(x * extent[1] + y) * extent[2] + z``.

    Attributes:
        number: int64.
        extent: cells along each axis, from the lowest occupied one to the highest.
    """

    number: Int[Tensor, " points"]
    extent: tuple[int, int, int]

    def coordinates(self, number: Int[Tensor, " cells"]) -> Int[Tensor, "cells 3"]:
        """Return the cells with these numbers, counted from the lowest along each axis, int64."""
        _, ny, nz = self.extent
        # Quotients of whole numbers below 2^52 are floored exactly in float64, which divides faster.
        exact = math.prod(self.extent) < 2**52
        cells = torch.empty(number.shape[0], 3, dtype=torch.int64, device=number.device)
        for given, out in zip(number.split(CHUNK), cells.split(CHUNK), strict=True):
            part = given.double() if exact else given
            column = torch.div(part, nz, rounding_mode="trunc")
            x = torch.div(column, ny, rounding_mode="trunc")
            out[:, 0], out[:, 1], out[:, 2] = x, column - x * ny, part - column * nz
        return cells


def _long_rows(coord: Float[Tensor, "points 3"]) -> Iterator[Float[Tensor, "rows coordinates"]]:
    """Yield the coordinates in rows of 64 points, and those left over in one row.

    What is done to rows of three numbers takes several times longer.
    """
    whole = coord.shape[0] // 64 * 64
    for part, length in ((coord[:whole], 64), (coord[whole:], coord.shape[0] - whole)):
        if part.shape[0] > 0:
            yield part.reshape(-1, 3 * length)


def _bounds(coord: Float[Tensor, "points 3"]) -> tuple[Float[Tensor, "3"], Float[Tensor, "3"]]:
    """Return the lowest and highest coordinates."""
    lowest = [rows.amin(dim=0).reshape(-1, 3) for rows in _long_rows(coord)]
    highest = [rows.amax(dim=0).reshape(-1, 3) for rows in _long_rows(coord)]
    return torch.cat(lowest).amin(dim=0), torch.cat(highest).amax(dim=0)


def _check_points(
    coord: Float[Tensor, "points 3"], cell: GridCell
) -> tuple[Float[Tensor, "3"], tuple[int, int, int]]:
    """Return the lowest occupied cell along each axis (float64) and the number of cells; errors as cell_numbers."""
    sides = _check_cell(cell)
    if coord.shape[0] == 0:
        raise ValueError("grid sampling: the cloud has no points; check that the file holds a cloud")
    lower, upper = _bounds(coord)
    if not bool(torch.isfinite(lower).all() and torch.isfinite(upper).all()):
        broken = int((~torch.isfinite(coord)).any(dim=1).sum())
        raise ValueError(
            f"grid sampling: {broken} of {coord.shape[0]} points are NaN or infinite; remove them first"
        )
    side = torch.tensor(sides, dtype=torch.float64, device=coord.device)
    lowest = torch.floor(lower.double() / side)
    extent = (torch.floor(upper.double() / side) - lowest + 1).tolist()
    if math.prod(extent) >= 2.0**62:
        size = ", ".join(f"{cells * side:.3g} m" for cells, side in zip(extent, sides, strict=True))
        raise ValueError(
            f"grid sampling: the cloud spans {size}, too much for cells of {cell} m; "
            "use larger cells, check the unit (metres) or remove far outliers"
        )
    return lowest, (int(extent[0]), int(extent[1]), int(extent[2]))


def cell_numbers(coord: Float[Tensor, "points 3"], cell: GridCell) -> CellNumbers:
    """Return the grid cell of every point, cells being numbered in the order of (x, y, z), z fastest.

    The floor is taken in float64: in float32, 3 in 100 000 points fall into a neighbouring cell.

    Raises:
        ValueError: when there is no point, a coordinate is not finite, the cell is not positive, or there are
            more cells than 64 bits can number.
    """
    lowest, extent = _check_points(coord, cell)
    side = torch.tensor(_check_cell(cell), dtype=torch.float64, device=coord.device)
    steps = torch.tensor((extent[1] * extent[2], extent[2], 1), dtype=torch.float64, device=coord.device)
    # Whole numbers below 2^53 are exact in float64, whose products are faster.
    exact = math.prod(extent) < 2**53
    number = torch.empty(coord.shape[0], dtype=torch.int64, device=coord.device)
    unwritten = number
    for rows in _long_rows(coord):
        length = rows.shape[1] // 3
        # Chunks stay in the processor's cache.
        for points in rows.split(max(1, CHUNK // length)):
            place = points.double().div_(side.repeat(length)).floor_().sub_(lowest.repeat(length)).view(-1, 3)
            out, unwritten = unwritten.tensor_split((place.shape[0],))
            out.copy_(place @ steps if exact else (place.long() * steps.long()).sum(dim=1))
    return CellNumbers(number=number, extent=extent)


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


def _sorted_numbers(cells: CellNumbers) -> tuple[Int[Tensor, " points"], Int[Tensor, " points"]]:
    """Return the points' cell numbers in order and the points in that order; equal numbers keep theirs."""
    number, points = cells.number, cells.number.shape[0]
    bits = (points - 1).bit_length()
    if number.device.type != "cpu" or (math.prod(cells.extent) - 1).bit_length() + bits > 63:
        # 32 bits sort faster.
        return torch.sort(number.int() if math.prod(cells.extent) < 2**31 else number, stable=True)
    # Number and point in one word: NumPy sorts words with vector instructions, twice as fast as torch sorts pairs.
    words = (number << bits).bitwise_or_(torch.arange(points))
    words.numpy().sort()
    return words >> bits, words & (2**bits - 1)


def sort_cells(coord: Float[Tensor, "points 3"], cell: GridCell) -> SortedCells:
    """Return the points sorted by grid cell; errors as :func:`cell_numbers`."""
    cells = cell_numbers(coord, cell)
    number, order = _sorted_numbers(cells)
    occupied, sorted_inverse, count = torch.unique_consecutive(
        number, return_inverse=True, return_counts=True
    )
    return SortedCells(
        order=order,
        start=count.cumsum(0) - count,
        count=count,
        grid_coord=cells.coordinates(occupied),
        inverse=torch.empty_like(order).scatter_(0, order, sorted_inverse),
    )


def grid_sample(
    coord: Float[Tensor, "points 3"],
    cell: GridCell,
    generator: torch.Generator | None = None,
) -> GridSample:
    """Keep one point in each occupied cell of a grid through the origin (G of Eq. 1).

    Args:
        coord: metres.
        cell: side of the cells in metres, or one per axis.
        generator: draws the point to keep uniformly among those in the cell; without one, the first is kept.

    Raises:
        ValueError: when there is no point, a coordinate is not finite, the cell is not positive, or the cloud
            spans more cells than can be numbered.
    """
    cells = sort_cells(coord, cell)
    place = cells.start
    if generator is not None:
        draw = torch.rand(place.shape, generator=generator, dtype=torch.float64, device=generator.device)
        # With 53 random bits, the largest product still rounds to less than the count.
        place = place + draw.to(coord.device).mul_(cells.count).long()
    return GridSample(
        index=cells.order.index_select(0, place), grid_coord=cells.grid_coord, inverse=cells.inverse
    )


def grid_fragments(coord: Float[Tensor, "points 3"], cell: GridCell) -> Iterator[GridSample]:
    """Yield samples of one point per occupied cell that together hold every point, to test on all of them.

    There are as many as the fullest cell has points: fragment ``i`` holds point ``i modulo n`` of a cell with
    ``n`` points. Every fragment shows the whole cloud, so points of emptier cells come several times.

    Raises:
        ValueError: as :func:`grid_sample`.
    """
    cells = sort_cells(coord, cell)
    for turn in range(int(cells.count.max())):
        index = cells.order[cells.start + turn % cells.count]
        yield GridSample(index=index, grid_coord=cells.grid_coord, inverse=cells.inverse)


def sample_scene(
    scene: Scene,
    cell: GridCell,
    generator: torch.Generator | None = None,
) -> Scene:
    """Return the scene with one point per cell and ``grid_coord`` set; errors as :func:`grid_sample`."""
    kept = grid_sample(scene.coord, cell, generator)
    return replace(take_points(scene, kept.index), grid_coord=kept.grid_coord)


def scene_fragments(scene: Scene, cell: GridCell) -> Iterator[Scene]:
    """Yield the scene once per fragment of :func:`grid_fragments`, with ``grid_coord`` set; errors as there."""
    for fragment in grid_fragments(scene.coord, cell):
        yield replace(take_points(scene, fragment.index), grid_coord=fragment.grid_coord)
