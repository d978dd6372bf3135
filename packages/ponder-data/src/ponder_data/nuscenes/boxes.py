"""Annotations of the global frame as boxes of a keyframe's LiDAR frame."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float

from ponder_data.nuscenes.classes import CATEGORY_LABEL, NUSCENES_ATTRIBUTES
from ponder_data.nuscenes.poses import rigid_inverse
from ponder_data.nuscenes.tables import Annotation
from ponder_data.scene import IGNORE_LABEL, Boxes


def lidar_boxes(
    annotations: Sequence[Annotation], lidar_to_global: Float[np.ndarray, "4 4"], least_points: int
) -> Boxes:
    """Return the boxes of the ten detection classes, those with at least ``least_points`` LiDAR or radar returns.

    Sizes become (length, width, height), with the length along the heading. The heading is that of the length's
    direction in the LiDAR's horizontal plane; the LiDAR's small tilt against the ground is not kept. Instances
    are numbered by :func:`instance_number`.

    Raises:
        ValueError: when a category or attribute is not one of nuScenes'.
    """
    kept = [
        box
        for box in annotations
        if _label(box) != IGNORE_LABEL and box.lidar_points + box.radar_points >= least_points
    ]
    to_lidar = rigid_inverse(lidar_to_global)
    turn = to_lidar[:3, :3]
    center = np.array([turn @ box.center + to_lidar[:3, 3] for box in kept]).reshape(-1, 3)
    forward = np.array([turn @ box.rotation[:, 0] for box in kept]).reshape(-1, 3)
    size = np.array([box.size[[1, 0, 2]] for box in kept]).reshape(-1, 3)
    velocity = np.array([turn @ box.velocity for box in kept]).reshape(-1, 3)
    return Boxes(
        center=torch.from_numpy(center).float(),
        size=torch.from_numpy(size).float(),
        heading=torch.from_numpy(np.arctan2(forward[:, 1], forward[:, 0])).float(),
        label=torch.tensor([_label(box) for box in kept], dtype=torch.int64),
        instance=torch.tensor([instance_number(box.instance) for box in kept], dtype=torch.int64),
        velocity=torch.from_numpy(velocity).float(),
        num_points=torch.tensor([box.lidar_points for box in kept], dtype=torch.int64),
        attribute=torch.tensor([_attribute(box) for box in kept], dtype=torch.int64),
    )


def instance_number(token: str) -> int:
    """Return a number for a token of hexadecimal digits: the same thing has the same one in every keyframe.

    Raises:
        ValueError: when the token has other characters.
    """
    return int(token[:15], 16)


def _label(box: Annotation) -> int:
    if box.category not in CATEGORY_LABEL:
        raise ValueError(
            f"annotation {box.token}: category {box.category!r} is none of nuScenes' {len(CATEGORY_LABEL)}"
        )
    return CATEGORY_LABEL[box.category]


def _attribute(box: Annotation) -> int:
    if box.attribute is None:
        return IGNORE_LABEL
    if box.attribute not in NUSCENES_ATTRIBUTES:
        raise ValueError(
            f"annotation {box.token}: attribute {box.attribute!r} is none of {', '.join(NUSCENES_ATTRIBUTES)}"
        )
    return NUSCENES_ATTRIBUTES.index(box.attribute)
