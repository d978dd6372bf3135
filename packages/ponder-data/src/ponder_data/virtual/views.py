"""Views of virtual cameras in a scan."""

import numpy as np
import torch

from ponder_data.rooms.camera import Camera
from ponder_data.scene import View
from ponder_data.virtual.splat import splat
from ponder_data.virtual.surfels import Surfels


def virtual_view(surfels: Surfels, camera: Camera, name: str) -> View:
    """Return what a camera sees of surfels, marked as virtual: colour, depth, labels and instances.

    Pixels that see nothing are black, their depth is 0 and their labels are -1: nobody knows what is there.
    """
    intrinsics = torch.from_numpy(camera.intrinsics.astype(np.float32))
    pose = torch.from_numpy(camera.camera_to_world.astype(np.float32))
    picture = splat(surfels, intrinsics, pose, (camera.width, camera.height))
    return View(
        name=name,
        color=picture.color,
        depth=picture.depth,
        intrinsics=intrinsics,
        camera_to_world=pose,
        semantic=picture.labels(surfels.semantic),
        instance=picture.labels(surfels.instance),
        source="virtual",
    )
