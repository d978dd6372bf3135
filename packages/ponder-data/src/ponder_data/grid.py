"""Grid sampling G (Eq. 1): one point kept in every cell of a regular grid."""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ponder_data.scene import Scene, take_points


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


def _check_cell(cell: float | tuple[float, float, float]) -> tuple[float, float, float]:
    """Return the cell's three sides in metres.

    Raises:
        ValueError: when a side is not a positive number.
    """
    sides = cell if isinstance(cell, tuple) else (cell, cell, cell)
    if not all(math.isfinite(side) and side > 0 for side in sides):
        raise ValueError(f"grid cell {cell} m: every side must be a positive number, e.g. 0.02 m indoors")
    return sides


def grid_cells(
    coord: Float[Tensor, "points 3"], cell: float | tuple[float, float, float]
) -> tuple[Int[Tensor, "points 3"], Int[Tensor, "3"]]:
    """Return the cell of every point, counted from the lowest, and the number of cells, along each axis.

    The floor is taken in float64: in float32, 3 in 100 000 points fall into a neighbouring cell.

    Raises:
        ValueError: when there is no point, a coordinate is not finite, the cell is not positive, or there are
            more cells than 64 bits can number.
    """
    sides = _check_cell(cell)
    if coord.shape[0] == 0:
        raise ValueError("grid sampling: the cloud has no points; check that the file holds a cloud")
    broken = int((~torch.isfinite(coord)).any(dim=1).sum())
    if broken:
        raise ValueError(
            f"grid sampling: {broken} of {coord.shape[0]} points are NaN or infinite; remove them first"
        )
    cells = torch.floor(coord.double() / torch.tensor(sides, dtype=torch.float64, device=coord.device))
    cells = cells - cells.amin(dim=0)
    extent = cells.amax(dim=0) + 1
    if math.prod(extent.tolist()) >= 2.0**62:
        size = ", ".join(f"{cells * side:.3g} m" for cells, side in zip(extent.tolist(), sides, strict=True))
        raise ValueError(
            f"grid sampling: the cloud spans {size}, too much for cells of {cell} m; "
            "use larger cells, check the unit (metres) or remove far outliers"
        )
    return cells.long(), extent.long()


def pack_cells(cells: Int[Tensor, "points 3"], extent: Int[Tensor, "3"]) -> Int[Tensor, " points"]:
    """Return one number per cell, in (x, y, z) order; int32, which sorts faster, where that suffices."""
    _, ny, nz = (int(n) for n in extent.tolist())
    key = (cells[:, 0] * ny + cells[:, 1]) * nz + cells[:, 2]
    return key.int() if math.prod(extent.tolist()) < 2**31 else key


def grid_sample(
    coord: Float[Tensor, "points 3"],
    cell: float | tuple[float, float, float],
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
    cells, extent = grid_cells(coord, cell)
    key, order = torch.sort(pack_cells(cells, extent), stable=True)
    _, sorted_inverse, count = torch.unique_consecutive(key, return_inverse=True, return_counts=True)
    start = count.cumsum(0) - count
    if generator is None:
        index = order[start]
    else:
        draw = torch.rand(count.shape, generator=generator, dtype=torch.float64, device=generator.device)
        chosen = (draw.to(coord.device) * count).long().minimum(count - 1)
        index = order[start + chosen]
    inverse = torch.empty_like(order)
    inverse[order] = sorted_inverse
    return GridSample(index=index, grid_coord=cells[index], inverse=inverse)


def sample_scene(
    scene: Scene,
    cell: float | tuple[float, float, float],
    generator: torch.Generator | None = None,
) -> Scene:
    """Return the scene with one point per cell and ``grid_coord`` set; errors as :func:`grid_sample`."""
    kept = grid_sample(scene.coord, cell, generator)
    return replace(take_points(scene, kept.index), grid_coord=kept.grid_coord)
