"""The part of a regular grid that a cloud lies in."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

GridCell = float | tuple[float, float, float]
"""Side of a grid's cells in metres, or one along each axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridSpan:
    """The smallest box of cells that holds a cloud, of a grid through the origin.

    Attributes:
        side: of a cell along each axis, metres.
        lowest: cell along each axis: a whole number in float64.
        extent: cells along each axis, from the lowest occupied one to the highest.
    """

    side: tuple[float, float, float]
    lowest: Float[Tensor, "3"]
    extent: tuple[int, int, int]

    @property
    def cells(self) -> int:
        """Cells of the box."""
        return math.prod(self.extent)


def _check_cell(cell: GridCell) -> tuple[float, float, float]:
    """Return the cell's three sides in metres.

    Raises:
        ValueError: when a side is not a positive number.
    """
    sides = cell if isinstance(cell, tuple) else (cell, cell, cell)
    if not all(math.isfinite(side) and side > 0 for side in sides):
        raise ValueError(f"grid cell {cell} m: every side must be a positive number, e.g. 0.02 m indoors")
    return sides


def long_rows(coord: Float[Tensor, "points 3"]) -> Iterator[Float[Tensor, "rows coordinates"]]:
    """Yield the coordinates in rows of 64 points, and those left over in one row.

    What is done to rows of three numbers takes several times longer.
    """
    whole = coord.shape[0] // 64 * 64
    for part, length in ((coord[:whole], 64), (coord[whole:], coord.shape[0] - whole)):
        if part.shape[0] > 0:
            yield part.reshape(-1, 3 * length)


def _bounds(coord: Float[Tensor, "points 3"]) -> tuple[Float[Tensor, "3"], Float[Tensor, "3"]]:
    """Return the lowest and highest coordinates."""
    lowest = [rows.amin(dim=0).reshape(-1, 3) for rows in long_rows(coord)]
    highest = [rows.amax(dim=0).reshape(-1, 3) for rows in long_rows(coord)]
    return torch.cat(lowest).amin(dim=0), torch.cat(highest).amax(dim=0)


def grid_span(coord: Float[Tensor, "points 3"], cell: GridCell) -> GridSpan:
    """Return the box of cells that holds the points.

    Raises:
        ValueError: when there is no point, a coordinate is not finite, the cell is not positive, or there are
            more cells than 64 bits can number.
    """
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
    return GridSpan(side=sides, lowest=lowest, extent=(int(extent[0]), int(extent[1]), int(extent[2])))
