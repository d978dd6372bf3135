"""Rotation of a whole scene about an axis of the world, through the origin."""

import math
from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ponder_data.scene import Boxes, Scene, View

Axis = Literal["x", "y", "z"]


def rotation_matrix(axis: Axis, angle: float) -> Float[Tensor, "3 3"]:
    """Return the right-handed rotation by ``angle`` radians about ``axis``, float64."""
    cosine, sine = math.cos(angle), math.sin(angle)
    rows = {
        "x": [[1.0, 0.0, 0.0], [0.0, cosine, -sine], [0.0, sine, cosine]],
        "y": [[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]],
        "z": [[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]],
    }
    return torch.tensor(rows[axis], dtype=torch.float64)


def rotate_by(scene: Scene, rotation: Float[Tensor, "3 3"]) -> Scene:
    """Return the scene turned by a proper rotation: points, normals, boxes and cameras together.

    Boxes stay upright, as :class:`Boxes` can say nothing else: their centres turn exactly, and their heading
    follows where the rotation takes their long axis in the horizontal plane. Only rotations about z keep them
    exact.
    """

    def turned(view: View) -> View:
        pose = view.camera_to_world.clone()
        pose[:3] = (rotation.to(pose.device) @ pose[:3].double()).to(pose.dtype)
        return replace(view, camera_to_world=pose)

    matrix = rotation.to(scene.coord)
    return replace(
        scene,
        coord=scene.coord @ matrix.T,
        normal=scene.normal @ matrix.T,
        boxes=None if scene.boxes is None else _turned_boxes(scene.boxes, matrix),
        views=tuple(turned(view) for view in scene.views),
        held_out_views=tuple(turned(view) for view in scene.held_out_views),
    )


def _turned_boxes(boxes: Boxes, matrix: Float[Tensor, "3 3"]) -> Boxes:
    zero = torch.zeros_like(boxes.heading)
    forward = torch.stack((boxes.heading.cos(), boxes.heading.sin(), zero), dim=1) @ matrix.T
    return replace(
        boxes,
        center=boxes.center @ matrix.T,
        heading=torch.atan2(forward[:, 1], forward[:, 0]),
        velocity=None if boxes.velocity is None else boxes.velocity @ matrix.T,
    )


def rotate(scene: Scene, axis: Axis, angle: float) -> Scene:
    """Return the scene turned by ``angle`` radians about ``axis``; see :func:`rotate_by` for boxes."""
    return rotate_by(scene, rotation_matrix(axis, angle))


def rotate_z(scene: Scene, angle: float) -> Scene:
    """Return the scene turned by ``angle`` radians about the vertical; everything in it stays exact."""
    return rotate(scene, "z", angle)
