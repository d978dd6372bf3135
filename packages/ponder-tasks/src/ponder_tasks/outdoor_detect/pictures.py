"""What the report shows of detection outdoors: true and detected boxes over the sweep, most of all from above."""

import numpy as np
from jaxtyping import Bool, Float
from ponder_data.nuscenes.classes import NUSCENES_DETECTION_CLASSES, NUSCENES_PALETTE
from ponder_data.scene import Boxes
from ponder_encoders.image.voxel_grid import VoxelGrid

from ponder_tasks.boxes.corners import box_corners
from ponder_tasks.outdoor_detect.driving_boxes import DrivingBoxes
from ponder_tasks.outdoor_detect.evaluation import DetectedScene
from ponder_tasks.report.box_lines import BoxLines
from ponder_tasks.report.pictures import CloudLayer, CloudPictures

SHOWN_SCORE = 0.3
"""Boxes less sure than this are measured, but not drawn."""

LOWEST, HIGHEST = -2.0, 2.0
"""Metres over the LiDAR between which points go from light to dark: about from the road to the roof of a lorry."""


def detected_pictures(detected: DetectedScene, grid: VoxelGrid) -> CloudPictures:
    """Return a keyframe with its true boxes and the detected ones that are sure, as far as the grid reaches."""
    coord = detected.scene.coord.numpy()
    coord = coord[_inside(coord, grid)]
    truth = _boxes_over(detected.scene.boxes, grid)
    found = detected.found.take(detected.found.score >= SHOWN_SCORE)
    light = 0.85 - 0.45 * np.clip((coord[:, 2:] - LOWEST) / (HIGHEST - LOWEST), 0.0, 1.0)
    grey = light.repeat(3, axis=1)
    # The surest boxes are drawn last, over the others.
    order = found.score.argsort()
    labels = sorted(set(truth.label.tolist()) | set(found.boxes.label.tolist()))
    return CloudPictures(
        name=detected.scene.name,
        coord=coord,
        layers=(
            CloudLayer(caption=f"True boxes: {len(truth)}", color=grey, boxes=_lines(truth)),
            CloudLayer(
                caption=f"Detected boxes, at least {SHOWN_SCORE:.0%} sure: {len(found)}",
                color=grey,
                boxes=_lines(found.boxes.take(order)),
                predicted=True,
            ),
        ),
        legend=tuple((NUSCENES_DETECTION_CLASSES[label], _color(label)) for label in labels),
        note="The vehicle stands in the middle and looks up the page; the higher a point, the darker it is.",
    )


def _boxes_over(boxes: Boxes | None, grid: VoxelGrid) -> DrivingBoxes:
    assert boxes is not None, "keyframes of tables have boxes"
    return DrivingBoxes.of_scene(boxes).within(grid)


def _inside(coord: Float[np.ndarray, "points 3"], grid: VoxelGrid) -> Bool[np.ndarray, " points"]:
    inside = (coord >= np.array(grid.lower)) & (coord < np.array(grid.upper))
    return np.all(inside, axis=1, keepdims=False).reshape(-1)


def _lines(boxes: DrivingBoxes) -> BoxLines:
    color = NUSCENES_PALETTE[boxes.label.numpy()] / 255.0
    return BoxLines(corners=box_corners(boxes.geometry).detach().numpy().astype(np.float64), color=color)


def _color(label: int) -> tuple[float, float, float]:
    red, green, blue = (NUSCENES_PALETTE[label] / 255.0).tolist()
    return red, green, blue
