"""Eq. 10: the centre of every cell projected into every image, and the features found there averaged.

Feature coordinates: the centre of image pixel ``(u, v)`` lies at integers, and a feature map of stride ``s`` covers the
image from its upper left corner, so that feature column ``(u + 0.5) / s - 0.5`` belongs to image column ``u``.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ponder_encoders.image.cameras import CameraBatch, project
from ponder_encoders.image.feature_cells import cell_coordinates, check_features
from ponder_encoders.image.lift import LiftedVolume
from ponder_encoders.image.voxel_grid import VoxelGrid

CELLS_PER_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectedFeatures:
    """Features of images at points of space.

    Attributes:
        features: the mean over the cameras that see a point, zero where none does.
        count: how many cameras see it.
    """

    features: Float[Tensor, "batch channels points"]
    count: Int[Tensor, "batch points"]


class ProjectionLift(nn.Module):
    """A volume of what the cameras see at the centre of each cell, whatever the depth; has no parameters.

    Every cell along a ray through a pixel receives the features of that pixel: the network behind has to find out at
    which of them the surface lies.

    Args:
        grid: the cells of the volume, in the world of the cameras.
        stride: image pixels for each feature pixel.
        cells_per_chunk: cells whose features are sampled at a time; bounds the memory, not the result.
    """

    def __init__(self, *, grid: VoxelGrid, stride: int, cells_per_chunk: int = CELLS_PER_CHUNK) -> None:
        super().__init__()
        self.grid, self.stride, self.cells_per_chunk = grid, stride, cells_per_chunk

    def forward(
        self, features: Float[Tensor, "batch cameras channels rows columns"], cameras: CameraBatch
    ) -> LiftedVolume:
        """``volume[cell] = mean over the cameras that see it of features(K T X_cell)``."""
        volume, _ = self.lift_and_count(features, cameras)
        return LiftedVolume(volume=volume, depth_logits=None)

    def lift_and_count(
        self, features: Float[Tensor, "batch cameras channels rows columns"], cameras: CameraBatch
    ) -> tuple[Float[Tensor, "batch channels x y z"], Int[Tensor, "batch x y z"]]:
        """The volume, and how many cameras see the centre of each cell."""
        centers = self.grid.centers(features.device)
        found = sample_projected(
            features,
            cameras,
            centers.expand(features.shape[0], -1, -1),
            stride=self.stride,
            points_per_chunk=self.cells_per_chunk,
        )
        return found.features.unflatten(-1, self.grid.shape), found.count.unflatten(-1, self.grid.shape)


def sample_projected(
    features: Float[Tensor, "batch cameras channels rows columns"],
    cameras: CameraBatch,
    points: Float[Tensor, "batch points 3"],
    *,
    stride: int,
    points_per_chunk: int = CELLS_PER_CHUNK,
) -> ProjectedFeatures:
    """Bilinear features of every image at every point, averaged over the cameras that see it (Eq. 10).

    A point behind a camera or outside its image receives nothing from it. Beyond the centre of the outermost feature
    pixel, its feature is continued to the border of the image. Computes in float32 (float64 where the features are
    that), also under autocast. Differentiable in features, and where a point is seen also in its position, poses and
    intrinsics.

    Cameras are worked on one after the other, so that beside the result at most the samples of one camera and one chunk
    of points are held.

    Args:
        features: of the images in ``cameras``.
        cameras: intrinsics and poses.
        points: in the world of each scene, metres.
        stride: image pixels for each feature pixel.
        points_per_chunk: how many points are sampled at a time.

    Raises:
        ValueError: feature maps that do not fit the images or the stride.
    """
    check_features(features, cameras, features.shape[2], stride)
    with torch.autocast(features.device.type, enabled=False):
        wide = features if features.dtype == torch.float64 else features.float()
        parts = [
            _sample_chunk(wide, cameras, chunk, stride) for chunk in points.split(points_per_chunk, dim=1)
        ]
    if len(parts) == 1:
        return parts[0]
    return ProjectedFeatures(
        features=torch.cat([part.features for part in parts], dim=-1),
        count=torch.cat([part.count for part in parts], dim=-1),
    )


def _sample_chunk(features: Tensor, cameras: CameraBatch, points: Tensor, stride: int) -> ProjectedFeatures:
    projected = project(points, cameras)
    count = projected.seen.sum(dim=1)
    total = None
    for camera in range(features.shape[1]):
        seen = projected.seen[:, camera]
        sampled = sample_bilinear(features[:, camera], projected.pixel[:, camera], seen, stride)
        total = sampled if total is None else total + sampled
    assert total is not None, "feature maps are checked to belong to at least one camera"
    return ProjectedFeatures(features=total / count.clamp(min=1)[:, None], count=count)


def sample_bilinear(
    features: Float[Tensor, "batch channels rows columns"],
    pixel: Float[Tensor, "batch points 2"],
    seen: Bool[Tensor, "batch points"],
    stride: int,
) -> Float[Tensor, "batch channels points"]:
    """Features between the centres of feature pixels, at image coordinates ``(u, v)``; zero where not ``seen``."""
    rows, columns = features.shape[2:]
    # grid_sample counts from -1 at the outer edge of the first feature pixel to 1 at that of the last.
    cells = pixel.new_tensor((columns, rows))
    position = ((cell_coordinates(pixel, stride) + 0.5) * (2 / cells) - 1).to(features.dtype)
    sampled = F.grid_sample(
        features, position[:, None], mode="bilinear", padding_mode="border", align_corners=False
    )[:, :, 0]
    return torch.where(seen[:, None], sampled, 0.0)
