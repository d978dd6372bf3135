"""Every voxel looks itself up in the cameras that see it: features by position, probability by position and depth.

``volume[v] = sum over cameras c of F_c(u, v) P_c(depth, u, v)``, with ``(u, v, depth)`` the voxel's centre in camera c,
``F`` sampled bilinearly and ``P`` trilinearly; or the mean over the cameras that see it.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from ponder_encoders.image.cameras import CameraBatch
from ponder_encoders.image.depth_bins import DepthBinsConfig, position_of
from ponder_encoders.image.feature_cells import cell_coordinates, see
from ponder_encoders.image.pooling import PoolingPlan, plan_pooling, pool_rows
from ponder_encoders.image.voxel_grid import VoxelGrid

CameraReduction = Literal["mean", "sum"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VoxelSamplingPlan:
    """Which voxels see which cells of which cameras; holds while the cameras stay where they are.

    A *pair* is a voxel and a camera that sees its centre, at a depth within the bins.

    Attributes:
        features: from feature cells to voxels, four entries (the cells around) for each pair.
        feature_weight: bilinear weights, divided by the number of cameras for a mean.
        depths: from depth bins of feature cells to pairs, eight entries for each.
        depth_weight: trilinear weights.
        shape: scenes, and cells of the grid along x, y and z.
    """

    features: PoolingPlan
    feature_weight: Float[Tensor, "pairs 4"]
    depths: PoolingPlan
    depth_weight: Float[Tensor, "pairs*8"]
    shape: tuple[int, int, int, int]


def _neighbours(
    position: Float[Tensor, " pairs"], cells: int
) -> tuple[Int64[Tensor, "pairs 2"], Float[Tensor, "pairs 2"]]:
    """The two cells around each position and their linear weights; beyond the outermost centres it takes all."""
    position = position.clamp(0, cells - 1)
    low = position.floor().clamp_max(max(cells - 2, 0))
    share = position - low
    index = torch.stack((low, (low + 1).clamp_max(cells - 1)), dim=1).long()
    return index, torch.stack((1 - share, share), dim=1)


@torch.no_grad()
def plan_voxel_sampling(
    cameras: CameraBatch,
    grid: VoxelGrid,
    bins: DepthBinsConfig,
    *,
    rows: int,
    columns: int,
    stride: int,
    reduce: CameraReduction,
) -> VoxelSamplingPlan:
    """Find every voxel's centre in every camera. No gradients reach the cameras.

    Args:
        cameras: of feature maps of ``rows x columns`` cells.
        grid: voxels.
        bins: a voxel nearer or farther than all of them takes nothing from that camera.
        rows, columns: of every feature map.
        stride: pixels for each feature cell.
        reduce: over the cameras that see a voxel.
    """
    batch, count = cameras.images.shape[:2]
    centers = grid.centers(cameras.camera_to_world.device).to(cameras.camera_to_world.dtype)
    found = see(centers.expand(batch, -1, -1), cameras)
    seen = found.seen & (found.depth >= bins.nearest) & (found.depth <= bins.farthest)
    scene, camera, voxel = seen.nonzero().unbind(1)
    u, v = cell_coordinates(found.pixel[scene, camera, voxel], stride).unbind(1)
    column, column_weight = _neighbours(u, columns)
    row, row_weight = _neighbours(v, rows)
    depth, depth_weight = _neighbours(position_of(found.depth[scene, camera, voxel], bins) - 0.5, bins.count)
    image = (scene * count + camera)[:, None, None]
    cell = ((image * rows + row[:, :, None]) * columns + column[:, None, :]).flatten(1)
    cell_weight = (row_weight[:, :, None] * column_weight[:, None, :]).flatten(1)
    cameras_of_voxel = seen.sum(dim=1)[scene, voxel][:, None] if reduce == "mean" else 1
    cells = batch * count * rows * columns
    pairs = torch.arange(len(scene), device=scene.device)
    return VoxelSamplingPlan(
        features=plan_pooling(
            cell.flatten(),
            (scene * centers.shape[0] + voxel).repeat_interleave(4),
            rows=cells,
            bags=batch * centers.shape[0],
        ),
        feature_weight=cell_weight / cameras_of_voxel,
        depths=plan_pooling(
            (cell[:, :, None] * bins.count + depth[:, None, :]).flatten(),
            pairs.repeat_interleave(8),
            rows=cells * bins.count,
            bags=len(scene),
        ),
        depth_weight=(cell_weight[:, :, None] * depth_weight[:, None, :]).flatten(),
        shape=(batch, *grid.shape),
    )


def sample_voxels(
    context: Float[Tensor, "batch cameras channels rows columns"],
    probability: Float[Tensor, "batch cameras bins rows columns"],
    plan: VoxelSamplingPlan,
) -> Float[Tensor, "batch channels x y z"]:
    """Sample features and depth probabilities at every voxel, and reduce over cameras.

    Gradients reach both. No voxel's features are held for each camera. The result is stored channels-last, in the type
    of ``context``; half precision is added up in float32.

    Raises:
        ValueError: the maps do not fit the plan.
    """
    of_bins = probability.permute(0, 1, 3, 4, 2).reshape(-1, 1)
    of_pairs = pool_rows(of_bins, plan.depth_weight, plan.depths)
    weight = (plan.feature_weight * of_pairs).flatten()
    table = context.permute(0, 1, 3, 4, 2).flatten(0, 3)
    voxels = pool_rows(table, weight, plan.features)
    return voxels.unflatten(0, plan.shape).permute(0, 4, 1, 2, 3)
