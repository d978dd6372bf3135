"""Ball query and connected components in one: which points can be reached by steps of at most a radius.

PointGroup grows clusters by listing each point's neighbours within a radius. Points that were shifted to their
instance's centre lie so close that there would be millions of pairs. Here points are first sorted into cells whose
diagonal is the radius: points of one cell are neighbours without looking. Only pairs of near cells are then compared,
and only until they are known to be connected. The result is exact.
"""

import math

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

REACH = 2
"""Cells along an axis that a step can cross: the radius is the square root of three, 1.73, sides of a cell."""


def ball_components(coord: Float[np.ndarray, "points 3"], radius: float) -> Int[np.ndarray, " points"]:
    """Return the connected component of each point, counted from 0 without gaps.

    Two points are connected when they are at most ``radius`` apart, or when a chain of such pairs joins them.

    Args:
        coord: metres.
        radius: metres.

    Raises:
        ValueError: when ``radius`` is not positive, or a coordinate is not finite.
    """
    if not radius > 0 or not np.isfinite(coord).all():
        raise ValueError(f"ball components need a positive radius (got {radius} m) and finite coordinates")
    if len(coord) == 0:
        return np.zeros(0, dtype=np.int64)
    cells = _Cells(coord.astype(np.float64), radius)
    pairs = cells.near_pairs()
    close = cells.first_points_touch(pairs)
    component = _components(len(cells.count), pairs[close])
    undecided = pairs[~close]
    undecided = undecided[component[undecided[:, 0]] != component[undecided[:, 1]]]
    touching = [pair for pair in undecided if cells.touch(int(pair[0]), int(pair[1]))]
    if touching:
        component = _components(len(cells.count), np.concatenate([pairs[close], np.stack(touching)]))
    return component[cells.inverse]


class _Cells:
    """Points sorted into cells of which every two points are neighbours."""

    def __init__(self, coord: Float[np.ndarray, "points 3"], radius: float) -> None:
        self.radius = radius
        # A little smaller, so that rounding cannot put points of one cell farther apart than the radius.
        side = radius / math.sqrt(3.0) * (1.0 - 1e-9)
        cells = np.floor((coord - coord.min(axis=0)) / side)
        self.cell, self.inverse, self.count = np.unique(
            cells, axis=0, return_inverse=True, return_counts=True
        )
        self.inverse = self.inverse.reshape(-1)
        self.sorted = coord[np.argsort(self.inverse, kind="stable")]
        self.start = np.cumsum(self.count) - self.count

    def near_pairs(self) -> Int[np.ndarray, "pairs 2"]:
        """Return the pairs of cells whose points' bounds are within the radius."""
        pairs = KDTree(self.cell).query_pairs(REACH, p=np.inf, output_type="ndarray")
        low = np.minimum.reduceat(self.sorted, self.start)
        high = np.maximum.reduceat(self.sorted, self.start)
        one, other = pairs[:, 0], pairs[:, 1]
        gap = np.maximum(np.maximum(low[other] - high[one], low[one] - high[other]), 0.0)
        return pairs[(gap**2).sum(axis=1) <= self.radius**2]

    def first_points_touch(self, pairs: Int[np.ndarray, "pairs 2"]) -> np.ndarray:
        """Return which pairs are neighbours already by the first points of the two cells."""
        between = self.sorted[self.start[pairs[:, 0]]] - self.sorted[self.start[pairs[:, 1]]]
        return (between**2).sum(axis=1) <= self.radius**2

    def touch(self, one: int, other: int) -> bool:
        """Return whether any point of a cell is a neighbour of any point of another."""
        small, large = sorted((self._points(one), self._points(other)), key=len)
        if len(small) * len(large) <= 4096:
            between = small[:, None] - large[None]
            return bool(((between**2).sum(axis=2) <= self.radius**2).any())
        nearest, _ = KDTree(large).query(small, distance_upper_bound=np.nextafter(self.radius, np.inf))
        return bool(nearest.min() <= self.radius)

    def _points(self, cell: int) -> Float[np.ndarray, "points 3"]:
        return self.sorted[self.start[cell] : self.start[cell] + self.count[cell]]


def _components(nodes: int, edges: Int[np.ndarray, "edges 2"]) -> Int[np.ndarray, " nodes"]:
    ones = np.ones(len(edges), dtype=bool)
    graph = coo_array((ones, (edges[:, 0], edges[:, 1])), shape=(nodes, nodes))
    return connected_components(graph, directed=False)[1].astype(np.int64)
