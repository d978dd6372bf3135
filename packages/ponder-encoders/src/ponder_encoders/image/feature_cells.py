"""Where the cells of a feature map lie in its image, and in the world.

A cell of a feature map of stride ``s`` stands for ``s x s`` pixels: the centre of row ``i``, column ``j`` lies at
image coordinates ``((j + 0.5) s - 0.5, (i + 0.5) s - 0.5)``. Geometry is computed in the type of the poses, also under
autocast.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ponder_encoders.image.cameras import CameraBatch, Projected, project


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRays:
    """Rays from the cameras through the centres of feature cells.

    A cell at z-depth ``d`` lies at ``origin + d * direction``.

    Attributes:
        origin: the cameras' centres, world metres.
        direction: metres of the world for each metre of z-depth; not of unit length.
        inside: whether the cell's centre lies in the image at all, and not in the padding of the feature map.
    """

    origin: Float[Tensor, "batch cameras 3"]
    direction: Float[Tensor, "batch cameras rows columns 3"]
    inside: Bool[Tensor, "rows columns"]


def check_features(features: Tensor, cameras: CameraBatch, channels: int, stride: int) -> None:
    """Raise ValueError unless ``features`` are maps of this stride, with these channels, for every image."""
    if features.ndim != 5 or features.shape[:2] != cameras.images.shape[:2] or features.shape[1] == 0:
        raise ValueError(
            f"features {tuple(features.shape)} must be (batch, cameras, channels, rows, columns) for images "
            f"{tuple(cameras.images.shape)}, of at least one camera"
        )
    if features.shape[2] != channels:
        raise ValueError(f"this lift reads {channels} channels, but features have {features.shape[2]}")
    for name, cells, pixels in (
        ("rows", features.shape[3], cameras.height),
        ("columns", features.shape[4], cameras.width),
    ):
        if not pixels // stride <= cells <= -(-pixels // stride):
            raise ValueError(
                f"an image of {pixels} pixels has {pixels / stride:g} {name} of features at stride {stride}, "
                f"not {cells}: give the lift the stride of its features"
            )


def cell_coordinates(pixel: Float[Tensor, "*shape"], stride: int) -> Float[Tensor, "*shape"]:
    """Image coordinates as coordinates of the feature map, in which the centre of cell ``i`` lies at ``i``."""
    return (pixel + 0.5) / stride - 0.5


def see(points: Float[Tensor, "batch points 3"], cameras: CameraBatch) -> Projected:
    """:func:`project` without gradients."""
    with torch.no_grad():
        return project(points, cameras)


@torch.no_grad()
def cast_rays(cameras: CameraBatch, rows: int, columns: int, stride: int) -> CellRays:
    """The ray of every cell of a feature map. No gradients."""
    poses = cameras.camera_to_world
    row = (torch.arange(rows, device=poses.device, dtype=poses.dtype) + 0.5) * stride - 0.5
    column = (torch.arange(columns, device=poses.device, dtype=poses.dtype) + 0.5) * stride - 0.5
    v, u = torch.meshgrid(row, column, indexing="ij")
    with torch.autocast(poses.device.type, enabled=False):
        inverse = torch.linalg.inv(cameras.intrinsics.to(poses.dtype))
        to_world = poses[..., :3, :3] @ inverse
        homogeneous = torch.stack((u, v, torch.ones_like(u)), dim=-1).flatten(0, 1)
        direction = homogeneous @ to_world.transpose(-1, -2)
    return CellRays(
        origin=poses[..., :3, 3],
        direction=direction.unflatten(2, (rows, columns)),
        inside=(u <= cameras.width - 0.5) & (v <= cameras.height - 0.5),
    )
