"""Centre shift: the scene moved over the world's origin and set down on the plane z = 0."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from ponder_data.scene import Boxes, Scene, View


def translate(scene: Scene, offset: Float[Tensor, "3"]) -> Scene:
    """Return the scene moved by ``offset`` metres: points, boxes and cameras together."""

    def moved(view: View) -> View:
        pose = view.camera_to_world.clone()
        pose[:3, 3] += offset
        return replace(view, camera_to_world=pose)

    boxes = scene.boxes
    return replace(
        scene,
        coord=scene.coord + offset,
        boxes=None if boxes is None else _moved_boxes(boxes, offset),
        views=tuple(moved(view) for view in scene.views),
        held_out_views=tuple(moved(view) for view in scene.held_out_views),
    )


def _moved_boxes(boxes: Boxes, offset: Float[Tensor, "3"]) -> Boxes:
    return replace(boxes, center=boxes.center + offset)


def center_shift(scene: Scene) -> Scene:
    """Return the scene with its points' bounds centred on x = y = 0 and its lowest point at z = 0.

    Raises:
        ValueError: when the scene has no points.
    """
    if len(scene) == 0:
        raise ValueError(
            f"scene {scene.name!r}: a cloud without points has no centre; check that it was read whole"
        )
    lower, upper = scene.coord.amin(dim=0), scene.coord.amax(dim=0)
    middle = (lower + upper) / 2
    return translate(scene, -torch.stack((middle[0], middle[1], lower[2])))
