"""The pinhole camera of the synthetic rooms."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A pinhole camera (OpenCV axes: x right, y down, z forward); column u, row v has its centre at (u, v).

    Attributes:
        width, height: size of the image in pixels.
        intrinsics: 3x3, float64.
        camera_to_world: 4x4, float64.
    """

    width: int
    height: int
    intrinsics: Float[np.ndarray, "3 3"]
    camera_to_world: Float[np.ndarray, "4 4"]

    @property
    def position(self) -> Float[np.ndarray, "3"]:
        """The centre of projection in the world, metres."""
        return self.camera_to_world[:3, 3]


def pinhole(
    width: int, height: int, field_of_view: float, camera_to_world: Float[np.ndarray, "4 4"]
) -> Camera:
    """A camera with square pixels and its axis through the image's middle.

    Args:
        width, height: pixels.
        field_of_view: horizontal, radians, over the whole width of all columns.
        camera_to_world: the pose.
    """
    focal = 0.5 * width / np.tan(0.5 * field_of_view)
    intrinsics = np.array(
        [[focal, 0.0, 0.5 * (width - 1)], [0.0, focal, 0.5 * (height - 1)], [0.0, 0.0, 1.0]]
    )
    return Camera(width=width, height=height, intrinsics=intrinsics, camera_to_world=camera_to_world)


def look_at(
    position: Float[np.ndarray, "3"], target: Float[np.ndarray, "3"], roll: float = 0.0
) -> Float[np.ndarray, "4 4"]:
    """The pose of a camera at ``position`` that looks at ``target``, upright but for ``roll`` radians.

    Raises:
        ValueError: when it would look straight up or down, where "upright" means nothing.
    """
    forward = target - position
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, np.array([0.0, 0.0, 1.0]))
    if np.linalg.norm(right) < 1e-6:
        raise ValueError(
            f"a camera at {position} looking at {target} looks straight up or down; move the target"
        )
    right = right / np.linalg.norm(right)
    down = np.cross(forward, right)
    pose = np.eye(4)
    pose[:3, 0] = np.cos(roll) * right + np.sin(roll) * down
    pose[:3, 1] = np.cos(roll) * down - np.sin(roll) * right
    pose[:3, 2] = forward
    pose[:3, 3] = position
    return pose


def pixel_directions(camera: Camera) -> Float[np.ndarray, "3 pixels"]:
    """World direction of each pixel's ray, row by row (float32), so long that ``t`` along it is z-depth."""
    v, u = np.mgrid[: camera.height, : camera.width].reshape(2, -1)
    k = camera.intrinsics
    in_camera = np.stack([(u - k[0, 2]) / k[0, 0], (v - k[1, 2]) / k[1, 1], np.ones(u.shape)])
    return (camera.camera_to_world[:3, :3] @ in_camera).astype(np.float32)
