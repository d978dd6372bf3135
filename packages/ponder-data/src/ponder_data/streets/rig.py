"""The sensor rig: a LiDAR on the roof and six cameras around it, where nuScenes' cars carry them.

The calibration is that of one recording of nuScenes (scene-0061). The ego frame has x forward, y left, z up and
its origin on the ground under the middle of the rear axle.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ponder_data.nuscenes.poses import rigid, rotation_matrix
from ponder_data.nuscenes.tables import CAMERAS

FULL_WIDTH, FULL_HEIGHT = 1600, 900

LIDAR_TO_EGO = rigid(
    rotation_matrix([0.7077955119, -0.0064922421, 0.0106462147, -0.7063073143]), [0.943713, 0.0, 1.84023]
)
"""The LiDAR's own frame: x to the right, y forward, z up but for a small tilt."""

# Quaternion, translation (m), focal length and principal point (pixels at full size).
_MOUNTS: dict[str, tuple[list[float], list[float], float, tuple[float, float]]] = {
    "CAM_FRONT": (
        [0.4998015431, -0.5030316163, 0.4997798114, -0.4973708382],
        [1.70079, 0.01595, 1.51096],
        1266.4172,
        (816.267, 491.507),
    ),
    "CAM_FRONT_RIGHT": (
        [0.2060347966, -0.202694058, 0.6824507825, -0.6713610884],
        [1.55085, -0.4934, 1.49575],
        1260.8474,
        (807.968, 495.334),
    ),
    "CAM_BACK_RIGHT": (
        [0.1228098012, -0.1324008427, -0.7004305821, 0.6904960313],
        [1.01488, -0.48057, 1.5624],
        1259.5137,
        (807.253, 501.196),
    ),
    "CAM_BACK": (
        [0.5037872666, -0.4974024979, -0.494185022, 0.5045496098],
        [0.02833, 0.00345, 1.5791],
        809.221,
        (829.22, 481.778),
    ),
    "CAM_BACK_LEFT": (
        [0.6924185592, -0.703161942, -0.1164837177, 0.1120331791],
        [1.03569, 0.4848, 1.59097],
        1256.7415,
        (792.113, 492.776),
    ),
    "CAM_FRONT_LEFT": (
        [0.6757265035, -0.6736266523, 0.2121401505, -0.211228271],
        [1.52388, 0.49463, 1.50933],
        1272.598,
        (826.615, 479.752),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A camera of the rig: its pose in the ego frame and its intrinsics at some size."""

    channel: str
    camera_to_ego: Float[np.ndarray, "4 4"]
    intrinsics: Float[np.ndarray, "3 3"]


def camera_rig(width: int, height: int) -> tuple[Mount, ...]:
    """Return the six cameras, their intrinsics as of pictures resized from 1600 x 900 to ``width`` x ``height``."""
    scale = np.array([width / FULL_WIDTH, height / FULL_HEIGHT])
    mounts = []
    for channel in CAMERAS:
        quaternion, translation, focal, principal = _MOUNTS[channel]
        intrinsics = np.eye(3)
        intrinsics[[0, 1], [0, 1]] = focal * scale
        # Pixel centres lie at integers, so a picture spans [-0.5, width - 0.5].
        intrinsics[:2, 2] = (np.array(principal) + 0.5) * scale - 0.5
        pose = rigid(rotation_matrix(quaternion), translation)
        mounts.append(Mount(channel=channel, camera_to_ego=pose, intrinsics=intrinsics))
    return tuple(mounts)
