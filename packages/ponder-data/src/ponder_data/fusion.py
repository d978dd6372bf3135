"""Fusion: the depth images of posed views as one thinned cloud with colours and normals."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ponder_data.depth import back_project, normals_from_depth
from ponder_data.draws import draw_distinct
from ponder_data.grid import grid_sample
from ponder_data.scene import View

# Normals are taken over about 1/160 of the picture's width: nearer ones differ by sensor noise.
_NORMAL_BASELINE = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """Points in metres with colours in [0, 1] and unit normals that face the cameras which saw them."""

    coord: Float[Tensor, "points 3"]
    color: Float[Tensor, "points 3"]
    normal: Float[Tensor, "points 3"]

    def __len__(self) -> int:
        return self.coord.shape[0]


def _taken(cloud: Cloud, index: Tensor) -> Cloud:
    return Cloud(coord=cloud.coord[index], color=cloud.color[index], normal=cloud.normal[index])


def _joined(clouds: Sequence[Cloud]) -> Cloud:
    return Cloud(
        coord=torch.cat([cloud.coord for cloud in clouds]),
        color=torch.cat([cloud.color for cloud in clouds]),
        normal=torch.cat([cloud.normal for cloud in clouds]),
    )


def thin_cloud(cloud: Cloud, voxel: float) -> Cloud:
    """Return the first point in each cube of side ``voxel`` metres."""
    return cloud if len(cloud) == 0 else _taken(cloud, grid_sample(cloud.coord, voxel).index)


def view_cloud(view: View) -> Cloud:
    """Return the points of a view's depth image.

    Pixels without a normal (at depth edges, beside missing depth, on the rim) are left out: there, sensors
    see points that float between two surfaces.
    """
    step = max(1, round(view.width / _NORMAL_BASELINE))
    normals = normals_from_depth(view.depth, view.intrinsics, step=step)
    points = back_project(view.depth, view.intrinsics, view.camera_to_world)
    normal = normals.normal[normals.valid] @ view.camera_to_world[:3, :3].T
    return Cloud(coord=points[normals.valid], color=view.color[normals.valid], normal=normal)


def fuse_views(views: Sequence[View], voxel: float, max_points: int, generator: torch.Generator) -> Cloud:
    """Return one cloud of all views: one point per cube of side ``voxel`` metres, at most ``max_points``.

    Views are thinned one by one before they are joined, so memory stays near that of the result.

    Args:
        views: of one world; none gives an empty cloud.
        voxel: metres.
        max_points: where there are more, this many are drawn at random.
        generator: draws them.
    """
    empty = torch.zeros(0, 3)
    cloud = Cloud(coord=empty, color=empty, normal=empty)
    for view in views:
        cloud = thin_cloud(_joined((cloud, thin_cloud(view_cloud(view), voxel))), voxel)
    if len(cloud) <= max_points:
        return cloud
    index = draw_distinct(len(cloud), max_points, generator).sort().values
    return _taken(cloud, index.to(cloud.coord.device))
