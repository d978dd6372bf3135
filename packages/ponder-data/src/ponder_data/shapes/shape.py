"""The shape: a solid in the unit cube with points of its surface, and how far any point of space is from it."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.spatial import KDTree

from ponder_data.scene import Scene
from ponder_data.shapes.solid import Solid, Surface

_GREY = 0.5


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A solid whose box has its middle in the origin and 1 as its longest side, Z up.

    Attributes:
        name: says which it is.
        solid: the solid itself.
        surface: points spread evenly over its surface.
        side: metres per unit, in the world that the solid comes from.
    """

    name: str
    solid: Solid
    surface: Surface
    side: float = field(default=1.0)

    def inside(self, point: Float[np.ndarray, "points 3"]) -> Bool[np.ndarray, " points"]:
        """Whether each point lies inside the solid."""
        return self.solid.contains(point)

    def signed_distance(self, point: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, " points"]:
        """Distance from the surface, positive outside.

        The sign is that of :meth:`inside`. The size is measured to the nearest of the surface's points: to the plane
        through it where the point lies over its neighbourhood, to itself otherwise. So it is off by at most the
        widest gap between the points, and far less over flat faces.
        """
        distance, nearest = self._tree.query(point)
        offset = point - self.surface.point[nearest]
        height = np.abs((offset * self.surface.normal[nearest]).sum(axis=1))
        beside = np.sqrt(np.maximum(distance**2 - height**2, 0))
        size = np.where(beside < self.spacing, height, distance)
        return np.where(self.inside(point), -size, size)

    @cached_property
    def spacing(self) -> float:
        """The distance from a point of the surface to the next, the largest but for one in a hundred."""
        points = self.surface.point[:: max(1, len(self.surface.point) // 2000)]
        return float(np.quantile(self._tree.query(points, k=2)[0][:, 1], 0.99))

    @cached_property
    def _tree(self) -> KDTree:
        return KDTree(self.surface.point)

    def as_scene(self, dataset: str) -> Scene:
        """Return the surface's points as a grey scene in metres, which nobody has photographed or labelled."""
        coord = torch.from_numpy((self.surface.point * self.side).astype(np.float32))
        return Scene(
            name=self.name,
            dataset=dataset,
            coord=coord,
            color=torch.full_like(coord, _GREY),
            normal=torch.from_numpy(self.surface.normal.astype(np.float32)),
        )
