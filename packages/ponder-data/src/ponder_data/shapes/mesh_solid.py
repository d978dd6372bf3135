"""The solid that a watertight mesh encloses."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import trimesh
from jaxtyping import Bool, Float, Int

from ponder_data.shapes.solid import Surface

_POINTS_PER_CHUNK = 1 << 15
"""Points asked about at once."""


class MeshSolid:
    """What lies inside a watertight mesh: points from which a ray upwards crosses its surface an odd number of times.

    Triangles are sorted into the columns of a grid on the floor plan once, so that a point meets only those above and
    below it.

    Raises:
        ValueError: when the mesh is not watertight: it has no inside then.
    """

    def __init__(self, mesh: trimesh.Trimesh) -> None:
        if not len(mesh.faces) or not mesh.is_watertight:
            raise ValueError(
                f"the mesh of {len(mesh.faces)} triangles is not watertight, so it has no inside; close its holes"
            )
        self.mesh = mesh
        corner = np.asarray(mesh.triangles, dtype=np.float64)
        self._columns = _Columns(corner)

    def contains(self, point: Float[np.ndarray, "points 3"]) -> Bool[np.ndarray, " points"]:
        """Whether each point lies inside. On the surface itself either answer may come out."""
        chunks = range(0, len(point), _POINTS_PER_CHUNK)
        parts = [
            self._columns.crossings(point[start : start + _POINTS_PER_CHUNK]) % 2 == 1 for start in chunks
        ]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=bool)

    def sample_surface(self, count: int, rng: np.random.Generator) -> Surface:
        """Draw ``count`` points evenly over the triangles, with the triangles' normals."""
        # Any: trimesh returns two or three values by the arguments.
        drawn: Any = trimesh.sample.sample_surface(self.mesh, count, seed=rng)
        return Surface(
            point=np.asarray(drawn[0], dtype=np.float64), normal=np.asarray(self.mesh.face_normals)[drawn[1]]
        )


@dataclass(slots=True)
class _Columns:
    """Triangles by the columns of a square grid on the floor plan that they touch.

    Attributes:
        corner: of each triangle.
        lower, cell: corner of the grid, and size of its columns along x and y.
        side: columns along each axis.
        begin: first entry of each column in ``triangle``.
        triangle: numbers of triangles, column by column.
    """

    corner: Float[np.ndarray, "triangles 3 3"]
    side: int = field(init=False)
    lower: Float[np.ndarray, "2"] = field(init=False)
    cell: Float[np.ndarray, "2"] = field(init=False)
    begin: Int[np.ndarray, " columns_and_one"] = field(init=False)
    triangle: Int[np.ndarray, " entries"] = field(init=False)

    def __post_init__(self) -> None:
        flat = self.corner[:, :, :2]
        self.side = int(np.clip(np.sqrt(len(flat)), 1, 256))
        self.lower = flat.min(axis=(0, 1))
        extent = flat.max(axis=(0, 1)) - self.lower
        self.cell = np.maximum(extent, 1e-12) * (1 + 1e-9) / self.side
        first, last = (
            ((bound - self.lower) / self.cell).astype(int) for bound in (flat.min(axis=1), flat.max(axis=1))
        )
        span = last - first + 1
        owner, offset = _ranges(span.prod(axis=1))
        row, column = np.divmod(offset, span[owner, 1])
        key = (first[owner, 0] + row) * self.side + first[owner, 1] + column
        order = np.argsort(key, kind="stable")
        self.triangle = owner[order]
        self.begin = np.searchsorted(key[order], np.arange(self.side**2 + 1))

    def crossings(self, point: Float[np.ndarray, "points 3"]) -> Int[np.ndarray, " points"]:
        """How many triangles lie above each point."""
        column = np.floor((point[:, :2] - self.lower) / self.cell)
        within = ((column >= 0) & (column < self.side)).all(axis=1)
        key = np.where(within, column[:, 0] * self.side + column[:, 1], 0).astype(int)
        count = np.where(within, self.begin[key + 1] - self.begin[key], 0)
        owner, offset = _ranges(count)
        corner = self.corner[self.triangle[self.begin[key[owner]] + offset]]
        return np.bincount(owner[_is_above(corner, point[owner])], minlength=len(point))


def _ranges(count: Int[np.ndarray, " owners"]) -> tuple[Int[np.ndarray, " all"], Int[np.ndarray, " all"]]:
    """For each owner ``count`` entries: whose each is, and its number among the owner's."""
    owner = np.repeat(np.arange(len(count)), count)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)


def _is_above(
    corner: Float[np.ndarray, "pairs 3 3"], point: Float[np.ndarray, "pairs 3"]
) -> Bool[np.ndarray, " pairs"]:
    """Whether a ray upwards from each point meets its triangle; of two triangles at an edge it meets exactly one."""
    x, y, z = (corner - point[:, None]).transpose(2, 0, 1)
    nxt, opposite = [1, 2, 0], [2, 0, 1]
    # On the floor plan, a ray along x from the point crosses one edge if the point is inside, and none or two else.
    # The ends of an edge are put in order, so that both its triangles compute the very same numbers.
    swap = y > y[:, nxt]
    low_x, low_y = np.where(swap, x[:, nxt], x), np.where(swap, y[:, nxt], y)
    high_x, high_y = np.where(swap, x, x[:, nxt]), np.where(swap, y, y[:, nxt])
    crossed = (low_y <= 0) & (high_y > 0) & (low_x * high_y - high_x * low_y > 0)
    inside = crossed.sum(axis=1) == 1
    # The height above the point is the mean of the corners' heights, weighted by the areas opposite to them.
    area = x * y[:, nxt] - x[:, nxt] * y
    return inside & ((area * z[:, opposite]).sum(axis=1) * np.sign(area.sum(axis=1)) > 0)
