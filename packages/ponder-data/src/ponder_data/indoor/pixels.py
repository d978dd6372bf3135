"""Labelled points of rendered RGB-D pictures: perspective ones and panoramas."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from ponder_data.grid import grid_sample

# Surfaces seen at a flatter angle than this are depth edges more often than surfaces.
_FLATTEST_COSINE = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPoints:
    """Points (m) with colours in 0..255, unit normals, classes and instances; -1 where unknown."""

    coord: Float[np.ndarray, "points 3"]
    color: UInt8[np.ndarray, "points 3"]
    normal: Float[np.ndarray, "points 3"]
    semantic: Int[np.ndarray, " points"]
    instance: Int[np.ndarray, " points"]

    def __len__(self) -> int:
        return len(self.coord)


def perspective_rays(
    intrinsics: Float[np.ndarray, "3 3"], width: int, height: int
) -> Float[np.ndarray, "height width 3"]:
    """Return, for each pixel, the point at z-depth 1 in the camera's frame."""
    x = (np.arange(width) - intrinsics[0, 2]) / intrinsics[0, 0]
    y = (np.arange(height) - intrinsics[1, 2]) / intrinsics[1, 1]
    grid_y, grid_x = np.meshgrid(y, x, indexing="ij")
    return np.stack([grid_x, grid_y, np.ones_like(grid_x)], axis=-1)


def panorama_rays(width: int, height: int) -> Float[np.ndarray, "height width 3"]:
    """Return, for each pixel of a panorama, the unit vector along which it looks, in the world's frame.

    The middle of the picture looks along +Y, its right half towards +X, its upper half upwards.
    """
    longitude = ((np.arange(width) + 0.5) / width - 0.5) * 2 * np.pi
    latitude = (0.5 - (np.arange(height) + 0.5) / height) * np.pi
    lat, lon = np.meshgrid(latitude, longitude, indexing="ij")
    return np.stack([np.sin(lon) * np.cos(lat), np.cos(lon) * np.cos(lat), np.sin(lat)], axis=-1)


def picture_points(
    color: UInt8[np.ndarray, "height width 3"],
    depth: Float[np.ndarray, "height width"],
    rays: Float[np.ndarray, "height width 3"],
    camera_to_world: Float[np.ndarray, "4 4"],
    semantic: Int[np.ndarray, "height width"],
    instance: Int[np.ndarray, "height width"],
) -> LabelledPoints:
    """Return the points of a picture's pixels whose depth is known and whose surface is not seen too flatly.

    Normals come from the pixels beside each one, and face the camera; the outermost pixels have none and are
    left out.

    Args:
        color: the picture.
        depth: lengths along ``rays``, metres, 0 where missing.
        rays: of the pixels in the camera's frame.
        camera_to_world: the pose.
        semantic: classes of the pixels.
        instance: instances of the pixels.
    """
    local = rays * depth[..., None].astype(np.float64)
    across, down = np.zeros_like(local), np.zeros_like(local)
    across[:, 1:-1] = local[:, 2:] - local[:, :-2]
    down[1:-1] = local[2:] - local[:-2]
    normal = np.cross(across, down)
    length = np.linalg.norm(normal, axis=-1)
    distance = np.linalg.norm(local, axis=-1)
    towards = -(normal * local).sum(axis=-1)
    known = depth > 0
    beside = np.zeros_like(known)
    beside[1:-1, 1:-1] = known[1:-1, 2:] & known[1:-1, :-2] & known[2:, 1:-1] & known[:-2, 1:-1]
    keep = known & beside & (np.abs(towards) > _FLATTEST_COSINE * length * distance) & (length > 0)
    normal = normal[keep] * (np.sign(towards[keep]) / length[keep])[:, None]
    rotation = camera_to_world[:3, :3]
    return LabelledPoints(
        coord=(local[keep] @ rotation.T + camera_to_world[:3, 3]).astype(np.float32),
        color=color[keep],
        normal=(normal @ rotation.T).astype(np.float32),
        semantic=semantic[keep].astype(np.int64),
        instance=instance[keep].astype(np.int64),
    )


def thinned(clouds: Sequence[LabelledPoints], voxel: float) -> LabelledPoints:
    """Return one cloud of all: the first point in each cube of side ``voxel`` metres."""
    joined = LabelledPoints(
        **{
            name: np.concatenate([getattr(cloud, name) for cloud in clouds])
            for name in ("coord", "color", "normal", "semantic", "instance")
        }
    )
    if not len(joined):
        return joined
    index = grid_sample(torch.from_numpy(joined.coord), voxel).index.numpy()
    return LabelledPoints(
        coord=joined.coord[index],
        color=joined.color[index],
        normal=joined.normal[index],
        semantic=joined.semantic[index],
        instance=joined.instance[index],
    )
