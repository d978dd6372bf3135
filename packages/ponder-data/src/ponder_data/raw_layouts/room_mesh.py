"""The mesh of a room: what perfect fusion would make of its depth images.

Vertices are a cloud of the true depth with one point per cell of a grid; triangles join the cells of neighbouring
pixels (vertex clustering, Rossignac and Borrel 1993).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from ponder_data.rooms.camera import pixel_directions
from ponder_data.rooms.labelled_cloud import LabelledCloud, fuse
from ponder_data.rooms.recording import RecordedFrame

_GRID_SHIFT = 0.37
"""Where the cells begin, as a share of a cell."""

_SLIVER = 0.01
"""Least height of a triangle over its longest edge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomMesh:
    """Labelled vertices, and triangles that are counterclockwise seen from outside."""

    vertices: LabelledCloud
    faces: Int[np.ndarray, "faces 3"]


def fuse_mesh(
    rng: np.random.Generator, frames: Sequence[RecordedFrame], voxel: float, max_vertices: int
) -> RoomMesh:
    """Fuse the true depth of frames; colours are the noisy ones of the pictures.

    Args:
        rng: which point of a cell becomes its vertex.
        frames: what was recorded.
        voxel: size of the cells, metres.
        max_vertices: at most so many; cells beyond are left out.
    """
    # Floors lie at height 0; without a shift, rounding would put their points on either side of a cell's wall.
    shift = np.float32(_GRID_SHIFT * voxel)
    clouds = [_true_cloud(frame, shift) for frame in frames]
    vertices = fuse(rng, clouds, voxel, max_vertices)
    cells = _Cells(vertices.coord, voxel)
    vertices = replace(vertices, coord=vertices.coord - shift)
    covered = np.zeros(len(vertices), dtype=bool)
    faces = []
    for frame in frames:
        fresh = _triangles(_vertex_image(frame, cells, shift), vertices, covered, 4.0 * voxel)
        covered[fresh.reshape(-1)] = True
        faces.append(fresh)
    return RoomMesh(vertices=vertices, faces=np.concatenate(faces))


class _Cells:
    """Finds the vertex in the cell of a point."""

    def __init__(self, coord: Float[np.ndarray, "vertices 3"], voxel: float) -> None:
        self._voxel = voxel
        cell = np.floor(coord / voxel).astype(np.int64)
        self._low, self._extent = cell.min(axis=0), np.ptp(cell, axis=0) + 1
        key = self._key(cell - self._low)
        self._order = np.argsort(key)
        self._sorted = key[self._order]

    def _key(self, cell: Int[np.ndarray, "points 3"]) -> Int[np.ndarray, " points"]:
        return (cell[:, 0] * self._extent[1] + cell[:, 1]) * self._extent[2] + cell[:, 2]

    def find(self, coord: Float[np.ndarray, "points 3"]) -> Int[np.ndarray, " points"]:
        """Return the vertex of each point's cell, -1 where it has none."""
        cell = np.floor(coord / self._voxel).astype(np.int64) - self._low
        inside = ((cell >= 0) & (cell < self._extent)).all(axis=1)
        key = self._key(np.where(inside[:, None], cell, 0))
        place = np.minimum(np.searchsorted(self._sorted, key), len(self._sorted) - 1)
        return np.where(inside & (self._sorted[place] == key), self._order[place], -1)


def _true_cloud(frame: RecordedFrame, shift: np.float32) -> LabelledCloud:
    """Return a point for every pixel that sees something, with the true normal, moved by ``shift`` metres."""
    truth = frame.truth
    seen = truth.depth > 0
    return LabelledCloud(
        coord=_world(frame)[seen] + shift,
        color=frame.color[seen],
        normal=truth.normal[seen],
        semantic=truth.semantic[seen],
        instance=truth.instance[seen],
    )


def _vertex_image(frame: RecordedFrame, cells: _Cells, shift: np.float32) -> Int[np.ndarray, "height width"]:
    """Return the vertex that each pixel shows, -1 where none."""
    depth = frame.truth.depth
    vertex = cells.find(_world(frame).reshape(-1, 3) + shift)
    return np.where(depth > 0, vertex.reshape(depth.shape), -1)


def _world(frame: RecordedFrame) -> Float[np.ndarray, "height width 3"]:
    """Return where each pixel's ray ends, metres, float32."""
    camera, depth = frame.camera, frame.truth.depth
    position = camera.position.astype(np.float32)
    world = position + (pixel_directions(camera) * depth.reshape(-1)).T
    return world.reshape(*depth.shape, 3)


def _triangles(
    image: Int[np.ndarray, "height width"],
    vertices: LabelledCloud,
    covered: Bool[np.ndarray, " vertices"],
    longest: float,
) -> Int[np.ndarray, "faces 3"]:
    """Return the triangles of neighbouring pixels: no edge longer than ``longest``, one vertex at least uncovered."""
    a, b, c, d = image[:-1, :-1], image[:-1, 1:], image[1:, :-1], image[1:, 1:]
    faces = np.concatenate(
        [np.stack([part.reshape(-1) for part in corners], axis=1) for corners in ((a, c, b), (b, c, d))]
    )
    faces = faces[(faces >= 0).all(axis=1)]
    distinct = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    faces = faces[distinct]
    faces = faces[~covered[faces].all(axis=1)]
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    faces = faces[np.sort(first)]
    corner = vertices.coord[faces]
    outward = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    edges = np.linalg.norm(corner - np.roll(corner, 1, axis=1), axis=2).max(axis=1)
    # Slivers, whose vertices lie in one line, have no side to face to.
    kept = (edges <= longest) & (np.linalg.norm(outward, axis=1) > _SLIVER * edges**2)
    faces, outward = faces[kept], outward[kept]
    # A vertex is anywhere in its cell, so a triangle may have turned over.
    turned = (outward * vertices.normal[faces].sum(axis=1)).sum(axis=1) < 0
    faces[turned] = faces[turned][:, ::-1]
    return faces
