"""Block mask: whole blocks of space emptied of their points, too large to guess from the points next door."""

import torch

from ponder_data.grid import GridCell, occupied_cells
from ponder_data.scene import Scene, take_points
from ponder_data.transforms.random_drop import check_ratio


def block_mask(
    scene: Scene,
    generator: torch.Generator,
    grid_size: GridCell,
    block_voxels: int = 8,
    ratio: float = 0.8,
) -> Scene:
    """Return the scene without the points of a random share ``ratio`` of its occupied blocks.

    A block has ``block_voxels`` cells of ``grid_size`` metres on each side. Views are not touched.
    At least one block stays, and as many more as it takes to keep two points (all, where there are no more
    than two).

    Raises:
        ValueError: when ``ratio`` is outside [0, 1), ``block_voxels`` below 1, or the points cannot be put on
            a grid.
    """
    check_ratio(ratio, "block_mask")
    if block_voxels < 1:
        raise ValueError(f"block_mask: block_voxels is {block_voxels}; a block is at least 1 voxel wide")
    sides = grid_size if isinstance(grid_size, tuple) else (grid_size, grid_size, grid_size)
    block = (sides[0] * block_voxels, sides[1] * block_voxels, sides[2] * block_voxels)
    cells = occupied_cells(scene.coord, block)
    blocks = cells.count.shape[0]
    order = torch.randperm(blocks, generator=generator, device=generator.device).to(scene.coord.device)
    enough = int((cells.count[order].cumsum(0) < min(2, len(scene))).sum()) + 1
    kept = max(enough, round(blocks * (1.0 - ratio)))
    keep = torch.zeros(blocks, dtype=torch.bool, device=scene.coord.device)
    keep[order[:kept]] = True
    return take_points(scene, torch.nonzero(keep[cells.inverse]).squeeze(1))
