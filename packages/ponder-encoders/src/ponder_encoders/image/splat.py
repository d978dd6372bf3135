"""Splatting (Philion & Fidler 2020): every pixel's feature goes into the voxels along its ray, weighted by probability.

``volume[v] = sum of probability[c, d] * context[c]`` over feature cells ``c`` and depth bins ``d`` whose point
``origin_c + depth_d * direction_c`` lies in voxel ``v``.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from ponder_encoders.image.cameras import CameraBatch
from ponder_encoders.image.depth_bins import DepthBinsConfig, bin_centers
from ponder_encoders.image.feature_cells import CellRays, cast_rays
from ponder_encoders.image.pooling import PoolingPlan, plan_pooling, pool_rows
from ponder_encoders.image.voxel_grid import VoxelGrid


@dataclass(frozen=True, slots=True, kw_only=True)
class SplatPlan:
    """Which points of the cameras' frustums fall into which voxels; holds while the cameras stay where they are.

    Attributes:
        kept: points that lie in the grid, as rows of ``probability`` with bins last, flattened.
        pooling: from feature cells to voxels, one entry for each kept point.
        shape: scenes, and cells of the grid along x, y and z.
    """

    kept: Int64[Tensor, " entries"]
    pooling: PoolingPlan
    shape: tuple[int, int, int, int]


@torch.no_grad()
def plan_splat(
    cameras: CameraBatch, grid: VoxelGrid, bins: DepthBinsConfig, *, rows: int, columns: int, stride: int
) -> SplatPlan:
    """Find the voxel of every bin of every feature cell. No gradients: a voxel's number has none.

    Points outside the grid, and cells of padding beyond the image, are left out. Bins never lie behind a camera.

    Args:
        cameras: of feature maps of ``rows x columns`` cells.
        grid: voxels; a point on the upper face of the box belongs to none.
        bins: depths at which points lie.
        rows, columns: of every feature map.
        stride: pixels for each feature cell.
    """
    rays = cast_rays(cameras, rows, columns, stride)
    batch, count = cameras.images.shape[:2]
    voxel, inside = _voxels(rays, grid, bins)
    kept = inside.flatten().nonzero()[:, 0]
    x, y, z = grid.shape
    pooling = plan_pooling(
        kept // bins.count,
        voxel.flatten().index_select(0, kept),
        rows=batch * count * rows * columns,
        bags=batch * x * y * z,
    )
    return SplatPlan(kept=kept, pooling=pooling, shape=(batch, x, y, z))


def _voxels(
    rays: CellRays, grid: VoxelGrid, bins: DepthBinsConfig
) -> tuple[Int64[Tensor, "batch cameras rows columns bins"], Bool[Tensor, "batch cameras rows columns bins"]]:
    """The voxel of every point, numbered through all scenes, and whether it lies in the grid at all."""
    direction = rays.direction
    depth = bin_centers(bins, direction.device).to(direction.dtype)
    scenes = torch.arange(direction.shape[0], device=direction.device)
    voxel = scenes.view(-1, 1, 1, 1, 1).expand(*direction.shape[:-1], bins.count)
    inside = rays.inside[..., None].expand(voxel.shape)
    axes = zip(grid.lower, grid.cell_size, grid.shape, strict=True)
    for axis, (low, size, cells) in enumerate(axes):  # axis by axis: no point is held with all three
        origin = rays.origin[:, :, None, None, None, axis]
        index = ((origin + direction[..., axis, None] * depth - low) / size).floor()
        inside = inside & (index >= 0) & (index < cells)
        voxel = voxel * cells + index.clamp(0, cells - 1).long()
    return voxel, inside


def splat(
    context: Float[Tensor, "batch cameras channels rows columns"],
    probability: Float[Tensor, "batch cameras bins rows columns"],
    plan: SplatPlan,
) -> Float[Tensor, "batch channels x y z"]:
    """Add every cell's context to the voxels along its ray, weighted by the probability of each bin.

    Gradients reach both. No ``bins x cells x channels`` are ever held. The result is stored channels-last, in the
    type of ``context``; half precision is added up in float32.

    Raises:
        ValueError: the maps do not fit the plan.
    """
    table = context.permute(0, 1, 3, 4, 2).flatten(0, 3)
    weight = probability.permute(0, 1, 3, 4, 2).flatten().index_select(0, plan.kept)
    voxels = pool_rows(table, weight, plan.pooling)
    return voxels.unflatten(0, plan.shape).permute(0, 4, 1, 2, 3)
