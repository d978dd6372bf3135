"""Scaling of a whole scene about the world's origin."""

import math
from dataclasses import replace

from ponder_data.scene import Boxes, Scene, View


def scale(scene: Scene, factor: float) -> Scene:
    """Return the scene ``factor`` times as large: points, boxes, camera centres and depth images together.

    Directions, normals and intrinsics stay, so every pixel still shows the same point.

    Raises:
        ValueError: when ``factor`` is not a positive number.
    """
    if not (math.isfinite(factor) and factor > 0):
        raise ValueError(f"scale: the factor is {factor}; it must be a positive number")
    boxes = scene.boxes
    return replace(
        scene,
        coord=scene.coord * factor,
        boxes=None if boxes is None else _scaled_boxes(boxes, factor),
        views=tuple(_scaled_view(view, factor) for view in scene.views),
        held_out_views=tuple(_scaled_view(view, factor) for view in scene.held_out_views),
    )


def _scaled_view(view: View, factor: float) -> View:
    pose = view.camera_to_world.clone()
    pose[:3, 3] *= factor
    return replace(view, camera_to_world=pose, depth=view.depth * factor)


def _scaled_boxes(boxes: Boxes, factor: float) -> Boxes:
    velocity = None if boxes.velocity is None else boxes.velocity * factor
    return replace(boxes, center=boxes.center * factor, size=boxes.size * factor, velocity=velocity)
