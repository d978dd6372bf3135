"""The keyframe in memory, and the scene that it is: one LiDAR cloud, the camera pictures and the boxes.

The world of the scene is the LiDAR's frame at the keyframe: x to the vehicle's right, y forward, z up, the
origin in the sensor. Camera poses carry the vehicle's motion between the moment of the picture and that of the
LiDAR.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from ponder_data.depth import project
from ponder_data.normals import estimate_normals
from ponder_data.nuscenes.classes import NUSCENES_CLASSES
from ponder_data.nuscenes.sweeps import Sweep, SweptCloud, far_enough, join_sweeps
from ponder_data.scene import IGNORE_LABEL, Boxes, Scene, View, ViewSource

_GREY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraImage:
    """One picture: 8-bit RGB, the intrinsics of that size, and its camera's pose in the keyframe's LiDAR frame.

    ``depth`` and ``semantic`` are known in synthetic pictures only.
    """

    channel: str
    color: UInt8[np.ndarray, "height width 3"]
    intrinsics: Float[np.ndarray, "3 3"]
    camera_to_lidar: Float[np.ndarray, "4 4"]
    depth: Float[np.ndarray, "height width"] | None = None
    semantic: Int[np.ndarray, "height width"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyframe:
    """What was recorded at one keyframe; ``semantic`` and ``instance`` are of the first sweep's points."""

    name: str
    dataset: str
    sweeps: tuple[Sweep, ...]
    images: tuple[CameraImage, ...]
    boxes: Boxes | None = None
    semantic: Int[np.ndarray, " points"] | None = None
    instance: Int[np.ndarray, " points"] | None = None
    source: ViewSource = "camera"


def keyframe_scene(keyframe: Keyframe, *, min_distance: float, normal_neighbours: int) -> Scene:
    """Return the keyframe as a scene.

    Points take the colour of the picture that shows them (where two do, of the first), grey where none does or
    they are of an older sweep. Views have the depth of their picture if it is known, else the z-depth of the
    keyframe's points that fall into them, the nearest of each pixel, 0 elsewhere. Labels of older sweeps are -1.

    Args:
        keyframe: what was recorded.
        min_distance: see :func:`far_enough`, metres.
        normal_neighbours: how many nearest points normals are estimated from; 0: all normals are zero, since a
            LiDAR measures none and estimating them costs more than reading the sweeps.
    """
    cloud = join_sweeps(keyframe.sweeps, min_distance)
    own = torch.from_numpy(cloud.coord[: cloud.first])
    views, color = [], torch.full((len(cloud.coord), 3), _GREY)
    shown = torch.zeros(cloud.first, dtype=torch.bool)
    for image in keyframe.images:
        view, index, pixel = _view(image, own, keyframe.source)
        fresh = ~shown[index]
        color[index[fresh]] = view.color.reshape(-1, 3)[pixel[fresh]]
        shown[index] = True
        views.append(view)
    kept = far_enough(keyframe.sweeps[0].coord, min_distance)
    return Scene(
        name=keyframe.name,
        dataset=keyframe.dataset,
        coord=torch.from_numpy(cloud.coord),
        color=color,
        normal=_normals(cloud, normal_neighbours),
        semantic=_labels(keyframe.semantic, kept, cloud),
        instance=_labels(keyframe.instance, kept, cloud),
        intensity=torch.from_numpy(cloud.intensity),
        time=torch.from_numpy(cloud.time),
        ring=torch.from_numpy(cloud.ring),
        boxes=keyframe.boxes,
        views=tuple(views),
        class_names=NUSCENES_CLASSES,
    )


def _normals(cloud: SweptCloud, neighbours: int) -> torch.Tensor:
    if neighbours == 0:
        return torch.zeros(len(cloud.coord), 3)
    return estimate_normals(torch.from_numpy(cloud.coord), neighbours, towards=torch.zeros(3))


def _labels(values: np.ndarray | None, kept: np.ndarray, cloud: SweptCloud) -> torch.Tensor | None:
    """Return the first sweep's labels without the removed points, then -1 for all older points."""
    if values is None:
        return None
    labels = torch.full((len(cloud.coord),), IGNORE_LABEL)
    labels[: cloud.first] = torch.from_numpy(values[kept])
    return labels


def _view(
    image: CameraImage, coord: torch.Tensor, source: ViewSource
) -> tuple[View, torch.Tensor, torch.Tensor]:
    """Return the view, which points fall into it, and into which pixel (row-major)."""
    intrinsics = torch.from_numpy(image.intrinsics).float()
    pose = torch.from_numpy(image.camera_to_lidar).float()
    height, width = image.color.shape[:2]
    seen = project(coord, intrinsics, pose)
    column, row = seen.pixel.round().unbind(dim=1)
    inside = (seen.z > 0) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    index = torch.nonzero(inside).squeeze(1)
    pixel = row[index].long() * width + column[index].long()
    if image.depth is None:
        sparse = torch.full((height * width,), float("inf"))
        sparse.scatter_reduce_(0, pixel, seen.z[index], reduce="amin")
        depth = torch.where(sparse.isinf(), torch.zeros(()), sparse).reshape(height, width)
    else:
        depth = torch.from_numpy(image.depth)
    view = View(
        name=image.channel,
        color=torch.from_numpy(image.color).float() / 255.0,
        depth=depth,
        intrinsics=intrinsics,
        camera_to_world=pose,
        semantic=None if image.semantic is None else torch.from_numpy(image.semantic),
        source=source,
    )
    return view, index, pixel
