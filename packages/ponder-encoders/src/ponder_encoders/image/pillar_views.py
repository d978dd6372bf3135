"""Which pillars of a grid the cameras see, and where: the geometry of BEVFormer's cross-attention.

A pillar is the column of all cells above one another. It is looked for at several heights, evenly spread.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from ponder_encoders.image.cameras import CameraBatch
from ponder_encoders.image.feature_cells import cell_coordinates, see
from ponder_encoders.image.pooling import PoolingPlan, plan_pooling
from ponder_encoders.image.voxel_grid import VoxelGrid


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraHits:
    """The pillars of a scene that one camera sees at one height at least.

    Attributes:
        scene, camera: whose.
        pillar: which.
        location: column and row in the feature map of each height's point, the centre of cell ``i`` at ``i``.
        seen: whether the camera sees that point.
    """

    scene: int
    camera: int
    pillar: Int64[Tensor, " hits"]
    location: Float[Tensor, "hits heights 2"]
    seen: Bool[Tensor, "hits heights"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PillarViews:
    """Where pillars are seen; holds while the cameras stay where they are.

    Attributes:
        hits: of every camera of every scene, in order.
        average: from all hits, one after the other, to the pillars of all scenes.
        share: of each hit in its pillar: one by the number of cameras that see it.
        seen: by any camera.
    """

    hits: tuple[CameraHits, ...]
    average: PoolingPlan
    share: Float[Tensor, " all_hits"]
    seen: Bool[Tensor, "batch pillars"]


@torch.no_grad()
def find_pillars(cameras: CameraBatch, grid: VoxelGrid, *, heights: int, stride: int) -> PillarViews:
    """Project points at ``heights`` heights of every pillar into every camera. No gradients reach the cameras.

    Pillars are numbered with x slowest, as in a volume. Points lie at the centres of ``heights`` equal parts.
    """
    poses = cameras.camera_to_world
    batch, count = cameras.images.shape[:2]
    parts = VoxelGrid(lower=grid.lower, upper=grid.upper, shape=(grid.shape[0], grid.shape[1], heights))
    points = parts.centers(poses.device).to(poses.dtype)
    found = see(points.expand(batch, -1, -1), cameras)
    pillars = grid.shape[0] * grid.shape[1]
    seen = found.seen.unflatten(2, (pillars, heights))
    location = cell_coordinates(found.pixel, stride).unflatten(2, (pillars, heights))
    hits = []
    for scene in range(batch):
        for camera in range(count):
            pillar = seen[scene, camera].any(dim=1).nonzero()[:, 0]
            hits.append(
                CameraHits(
                    scene=scene,
                    camera=camera,
                    pillar=pillar,
                    location=location[scene, camera].index_select(0, pillar),
                    seen=seen[scene, camera].index_select(0, pillar),
                )
            )
    bag = torch.cat([hit.scene * pillars + hit.pillar for hit in hits])
    cameras_of_pillar = seen.any(dim=3).sum(dim=1)
    return PillarViews(
        hits=tuple(hits),
        average=plan_pooling(
            torch.arange(len(bag), device=bag.device), bag, rows=len(bag), bags=batch * pillars
        ),
        share=1 / cameras_of_pillar.flatten().index_select(0, bag).to(poses.dtype),
        seen=cameras_of_pillar > 0,
    )
