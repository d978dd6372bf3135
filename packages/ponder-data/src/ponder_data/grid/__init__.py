"""Grid sampling G (Eq. 1) and what it is made of."""

from ponder_data.grid.occupied import occupied_cells
from ponder_data.grid.sampling import GridSample, grid_fragments, grid_sample, sample_scene, scene_fragments
from ponder_data.grid.span import GridCell

__all__ = [
    "GridCell",
    "GridSample",
    "grid_fragments",
    "grid_sample",
    "occupied_cells",
    "sample_scene",
    "scene_fragments",
]
