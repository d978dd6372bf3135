"""Posed pictures of several scenes, and where points of the world fall in them.

Cameras are OpenCV (x right, y down, z forward), and the centre of the pixel in row ``v``, column ``u`` lies at image
coordinates ``(u, v)``: an image covers ``[-0.5, width - 0.5] x [-0.5, height - 0.5]``. Worlds are right-handed, Z up,
in metres. For LiDAR with cameras the "world" is the frame of the volume: that of the LiDAR at the keyframe.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

NEAREST_DEPTH = 1e-3
"""Metres: what lies nearer to the plane of a camera, or behind it, is not seen by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraBatch:
    """Pictures of the same number of cameras for each scene, and their poses.

    Attributes:
        images: RGB in [0, 1].
        intrinsics: for pixels of ``images``, last row ``(0, 0, 1)``.
        camera_to_world: rigid transforms.

    Raises:
        ValueError: the tensors do not fit each other.
    """

    images: Float[Tensor, "batch cameras 3 height width"]
    intrinsics: Float[Tensor, "batch cameras 3 3"]
    camera_to_world: Float[Tensor, "batch cameras 4 4"]

    def __post_init__(self) -> None:
        shapes = (
            f"images {tuple(self.images.shape)}, intrinsics {tuple(self.intrinsics.shape)}, "
            f"camera_to_world {tuple(self.camera_to_world.shape)}"
        )
        if self.images.ndim != 5 or self.images.shape[2] != 3:
            raise ValueError(f"a CameraBatch needs images (batch, cameras, 3, height, width): {shapes}")
        lead = tuple(self.images.shape[:2])
        if self.intrinsics.shape != (*lead, 3, 3) or self.camera_to_world.shape != (*lead, 4, 4):
            raise ValueError(f"every image needs its own intrinsics (3, 3) and pose (4, 4): {shapes}")

    @property
    def height(self) -> int:
        """Rows of every image."""
        return self.images.shape[3]

    @property
    def width(self) -> int:
        """Columns of every image."""
        return self.images.shape[4]


@dataclass(frozen=True, slots=True, kw_only=True)
class Projected:
    """Where points fall in the images of every camera of their scene.

    Attributes:
        pixel: image coordinates ``(u, v)``; zero where the point is not in front of the camera.
        depth: z-depth in metres, negative behind the camera.
        seen: in front of the camera and inside its image. Nothing says whether something stands in between.
    """

    pixel: Float[Tensor, "batch cameras points 2"]
    depth: Float[Tensor, "batch cameras points"]
    seen: Bool[Tensor, "batch cameras points"]


def project(points: Float[Tensor, "batch points 3"], cameras: CameraBatch) -> Projected:
    """Project points of each scene's world into every camera of that scene: ``K T_world_to_camera X`` of Eq. 10.

    Differentiable in points, intrinsics and poses where ``seen``. Computes in their own precision, also under autocast:
    the eight bits of bfloat16 are not enough to find a pixel.
    """
    rotation, position = cameras.camera_to_world[..., :3, :3], cameras.camera_to_world[..., :3, 3]
    with torch.autocast(points.device.type, enabled=False):
        # The inverse of a rigid transform: its rotation transposed, applied to what is left of the camera's position.
        in_camera = (points[:, None] - position[:, :, None]) @ rotation
        homogeneous = in_camera @ cameras.intrinsics.transpose(-1, -2)
    depth = in_camera[..., 2]
    in_front = depth > NEAREST_DEPTH
    safe_depth = torch.where(in_front, depth, torch.ones_like(depth))
    pixel = torch.where(in_front[..., None], homogeneous[..., :2] / safe_depth[..., None], 0.0)
    column, row = pixel.unbind(-1)
    inside = (
        (column >= -0.5) & (column <= cameras.width - 0.5) & (row >= -0.5) & (row <= cameras.height - 0.5)
    )
    return Projected(pixel=pixel, depth=depth, seen=in_front & inside)
