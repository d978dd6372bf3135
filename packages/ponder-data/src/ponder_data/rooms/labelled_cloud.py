"""The labelled cloud: what the depth cameras of a room see together, with the true class and instance."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ponder_data.rooms.camera import Camera
from ponder_data.rooms.depth_normals import depth_normals


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledCloud:
    """Points in the world: metres, RGB in [0, 1], unit normals towards the camera, class and instance ids."""

    coord: Float[np.ndarray, "points 3"]
    color: Float[np.ndarray, "points 3"]
    normal: Float[np.ndarray, "points 3"]
    semantic: Int[np.ndarray, " points"]
    instance: Int[np.ndarray, " points"]

    def __len__(self) -> int:
        return self.coord.shape[0]

    def select(self, rows: Int[np.ndarray, " kept"]) -> "LabelledCloud":
        """The points at ``rows``."""
        return LabelledCloud(
            coord=self.coord[rows],
            color=self.color[rows],
            normal=self.normal[rows],
            semantic=self.semantic[rows],
            instance=self.instance[rows],
        )


def back_project(
    camera: Camera,
    depth: Float[np.ndarray, "height width"],
    color: Float[np.ndarray, "height width 3"],
    semantic: Int[np.ndarray, "height width"],
    instance: Int[np.ndarray, "height width"],
) -> LabelledCloud:
    """One point for each pixel with a depth and a normal, in the world's frame."""
    normal = depth_normals(depth, camera.intrinsics)
    v, u = np.nonzero((depth > 0) & (np.abs(normal).sum(axis=2) > 0))
    z = depth[v, u].astype(np.float64)
    k = camera.intrinsics
    local = np.stack([(u - k[0, 2]) / k[0, 0] * z, (v - k[1, 2]) / k[1, 1] * z, z], axis=1)
    turn = camera.camera_to_world[:3, :3]
    return LabelledCloud(
        coord=(local @ turn.T + camera.position).astype(np.float32),
        color=color[v, u],
        normal=(normal[v, u] @ turn.T).astype(np.float32),
        semantic=semantic[v, u],
        instance=instance[v, u],
    )


def fuse(
    rng: np.random.Generator, clouds: list[LabelledCloud], voxel: float, max_points: int
) -> LabelledCloud:
    """Join clouds, keep one random point of each ``voxel``-sized cell, and at most ``max_points`` in all."""
    joined = LabelledCloud(
        coord=np.concatenate([cloud.coord for cloud in clouds]),
        color=np.concatenate([cloud.color for cloud in clouds]),
        normal=np.concatenate([cloud.normal for cloud in clouds]),
        semantic=np.concatenate([cloud.semantic for cloud in clouds]),
        instance=np.concatenate([cloud.instance for cloud in clouds]),
    )
    order = rng.permutation(len(joined))
    cell = np.floor(joined.coord[order] / voxel).astype(np.int64)
    cell -= cell.min(axis=0)
    extent = cell.max(axis=0) + 1
    key = (cell[:, 0] * extent[1] + cell[:, 1]) * extent[2] + cell[:, 2]
    _, first = np.unique(key, return_index=True)
    # `first` follows the cells; in the order of the permutation, a prefix is a fair sample.
    kept = order[np.sort(first)[:max_points]]
    return joined.select(np.sort(kept))
