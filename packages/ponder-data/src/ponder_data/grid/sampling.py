"""Grid sampling G (Eq. 1): one point kept in every cell of a regular grid."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ponder_data.grid.occupied import occupied_cells
from ponder_data.grid.span import GridCell
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
    cells = occupied_cells(coord, cell)
    occupied = cells.count.shape
    if generator is None:
        share = torch.zeros(occupied, dtype=torch.float64, device=coord.device)
    else:
        # With 53 random bits, the largest product with a count still rounds to less than the count.
        draw = torch.rand(occupied, generator=generator, dtype=torch.float64, device=generator.device)
        share = draw.to(coord.device)
    return GridSample(index=cells.points_at(share), grid_coord=cells.grid_coord, inverse=cells.inverse)


def grid_fragments(coord: Float[Tensor, "points 3"], cell: GridCell) -> Iterator[GridSample]:
    """Yield samples of one point per occupied cell that together hold every point, to test on all of them.

    There are as many as the fullest cell has points: fragment ``i`` holds point ``i modulo n`` of a cell with
    ``n`` points. Every fragment shows the whole cloud, so points of emptier cells come several times.

    Raises:
        ValueError: as :func:`grid_sample`.
    """
    cells = occupied_cells(coord, cell).sorted()
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
