"""Which points of a cloud share a cell of a regular grid."""

from jaxtyping import Float
from torch import Tensor

from ponder_data.grid.bitmap import BitmapCells, bitmap_cells, bitmap_is_faster
from ponder_data.grid.sorting import SortedCells, sort_cells
from ponder_data.grid.span import GridCell, grid_span


def occupied_cells(coord: Float[Tensor, "points 3"], cell: GridCell) -> SortedCells | BitmapCells:
    """Return the occupied cells in order of (x, y, z), z fastest, and whose each point is.

    The floor is taken in float64: in float32, 3 in 100 000 points fall into a neighbouring cell. Both ways give the
    same cells; that by a bitmap is several times faster (extra ``cpu``).

    Raises:
        ValueError: as :func:`ponder_data.grid.span.grid_span`.
    """
    span = grid_span(coord, cell)
    return bitmap_cells(coord, span) if bitmap_is_faster(coord, span) else sort_cells(coord, span)
