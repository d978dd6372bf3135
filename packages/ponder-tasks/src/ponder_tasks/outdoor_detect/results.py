"""Detections in the file that nuScenes' benchmark takes (nuScenes detection task, results format)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from ponder_data.nuscenes.classes import NUSCENES_ATTRIBUTES, NUSCENES_DETECTION_CLASSES
from ponder_data.nuscenes.poses import quaternion_of
from ponder_data.nuscenes.tables import KeyframeRecord

from ponder_tasks.outdoor_detect.driving_boxes import Detections
from ponder_tasks.run_folder import write_atomically

MOST_BOXES = 500
"""Of a sample; the devkit takes no more."""

RESULTS_FILE = "results_nusc.json"


def sample_results(detections: Detections, record: KeyframeRecord) -> list[dict[str, Any]]:
    """Return one keyframe's detections as rows of the official file, in the global frame, the surest 500.

    Boxes stand upright and move level there, as nuScenes annotates them. The LiDAR is tilted a little, so a heading or
    velocity of its frame stands for the level direction that looks so in its x and y.

    Args:
        detections: in the LiDAR's frame.
        record: the keyframe; says where the LiDAR stood.
    """
    order = torch.argsort(detections.score, descending=True, stable=True)[:MOST_BOXES]
    best = detections.take(order).to("cpu")
    to_global = record.sweeps[0].to_global()
    geometry, boxes = best.boxes.geometry, best.boxes
    # Level directions of the global frame as they look in the LiDAR's x and y, and back.
    to_level = np.linalg.inv(to_global[:2, :2].T)
    velocity = torch.nan_to_num(boxes.velocity).double().numpy() @ to_level.T
    heading = geometry.heading.double().numpy()
    ahead = np.stack((np.cos(heading), np.sin(heading)), axis=1) @ to_level.T
    rows = []
    for index in range(len(best)):
        turn = about_z(float(np.arctan2(ahead[index, 1], ahead[index, 0])))
        length, width, height = geometry.size[index].double().tolist()
        center = to_global[:3, :3] @ geometry.center[index].double().numpy() + to_global[:3, 3]
        attribute = int(boxes.attribute[index])
        rows.append(
            {
                "sample_token": record.token,
                "translation": center.tolist(),
                "size": [width, length, height],
                "rotation": quaternion_of(turn).tolist(),
                "velocity": velocity[index].tolist(),
                "detection_name": NUSCENES_DETECTION_CLASSES[int(boxes.label[index])],
                "detection_score": float(best.score[index]),
                "attribute_name": NUSCENES_ATTRIBUTES[attribute] if attribute >= 0 else "",
            }
        )
    return rows


def write_results(
    path: Path, results: Mapping[str, list[dict[str, Any]]], *, lidar: bool, camera: bool
) -> None:
    """Write the official JSON: for each sample its rows, and which sensors were used."""
    used = {"use_lidar": lidar, "use_camera": camera}
    meta = {**used, "use_radar": False, "use_map": False, "use_external": False}
    write_atomically(path, json.dumps({"meta": meta, "results": dict(results)}))


def about_z(angle: float) -> Float[np.ndarray, "3 3"]:
    """Return the rotation by ``angle`` radians about z."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
