"""Free space: places in a scan where a camera could have stood."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import KDTree

_SECTORS = 8
_FLOOR_REACH = 0.4
_SAMPLE = 16_384
_DIRECTIONS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeSpace:
    """The points of a scan, arranged for questions about places.

    Attributes:
        coord: metres, Z up.
        tree: of ``coord``.
        ground: of the horizontal coordinates of ``sample``.
        sample: some of the points, which stand for all where single ones do not matter.
    """

    coord: Float[np.ndarray, "points 3"]
    tree: KDTree
    ground: KDTree
    sample: Float[np.ndarray, "sample 3"]


def free_space(coord: Float[np.ndarray, "points 3"], rng: np.random.Generator) -> FreeSpace:
    """Arrange the points of a scan."""
    sample = coord[rng.permutation(len(coord))[:_SAMPLE]]
    return FreeSpace(coord=coord, tree=KDTree(coord), ground=KDTree(sample[:, :2]), sample=sample)


def draw_places(
    space: FreeSpace,
    rng: np.random.Generator,
    count: int,
    height: tuple[float, float],
    clearance: float,
    open_sectors: int,
) -> Float[np.ndarray, "places 3"]:
    """Draw places in free space; of ``count`` random ones, those are returned that meet all demands.

    A place stands between ``height`` metres above the lowest points beneath it, below the highest points about it,
    ``clearance`` metres from every point, and is surrounded: of eight horizontal sectors about it at most
    ``open_sectors`` hold no point.
    """
    middle = space.coord[rng.integers(len(space.coord), size=(count, 2))].mean(axis=1)[:, :2]
    places = np.concatenate((middle, np.zeros((count, 1))), axis=1)
    grounded = np.zeros(count, dtype=bool)
    for row, near in enumerate(space.ground.query_ball_point(middle, _FLOOR_REACH)):
        if near:
            low, high = np.quantile(space.sample[near, 2], (0.02, 0.98))
            least = low + height[0]
            top = min(low + height[1], max(least, high - clearance)) if high > least else low + height[1]
            places[row, 2] = rng.uniform(least, top)
            grounded[row] = True
    distance, _ = space.tree.query(places)
    return places[grounded & (distance >= clearance) & _surrounded(space, places, open_sectors)]


def _surrounded(
    space: FreeSpace, places: Float[np.ndarray, "places 3"], open_sectors: int
) -> Bool[np.ndarray, " places"]:
    """Return which places have points on nearly every side."""
    away = space.sample[None, :_DIRECTIONS, :2] - places[:, None, :2]
    sector = ((np.arctan2(away[..., 1], away[..., 0]) / (2.0 * np.pi) + 0.5) * _SECTORS).astype(
        int
    ) % _SECTORS
    held = np.stack([(sector == number).any(axis=1) for number in range(_SECTORS)], axis=1)
    return (~held).sum(axis=1) <= open_sectors
