"""Mirroring of a whole scene.

A mirrored world needs a mirrored camera, but a camera's pose must stay a proper rotation. With the world
mirrored by ``M`` and the camera's own x axis by ``D = diag(-1, 1, 1)``, ``M R D`` is one; the picture such a
camera takes is the old picture with its columns reversed.
"""

import math
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from ponder_data.scene import Boxes, Scene, View

FlipAxis = Literal["x", "y"]


def flip(scene: Scene, axis: FlipAxis) -> Scene:
    """Return the scene with the world's ``axis`` reversed: points, normals, boxes and pictures together.

    Column ``u`` of a picture becomes column ``width - 1 - u``, and its principal point moves along.
    """
    sign = torch.ones(3, dtype=scene.coord.dtype, device=scene.coord.device)
    sign["xy".index(axis)] = -1.0
    return replace(
        scene,
        coord=scene.coord * sign,
        normal=scene.normal * sign,
        boxes=None if scene.boxes is None else _mirrored_boxes(scene.boxes, axis),
        views=tuple(mirror_view(view, axis) for view in scene.views),
        held_out_views=tuple(mirror_view(view, axis) for view in scene.held_out_views),
    )


def mirror_view(view: View, axis: FlipAxis) -> View:
    """Return the picture that a camera would take of the world mirrored along ``axis``."""

    def reversed_columns(image: Tensor | None) -> Tensor | None:
        return None if image is None else image.flip(1)

    pose = view.camera_to_world.clone()
    pose["xy".index(axis)] *= -1.0
    pose[:3, 0] *= -1.0
    intrinsics = view.intrinsics.clone()
    intrinsics[0, 1] = -view.intrinsics[0, 1]
    intrinsics[0, 2] = view.width - 1 - view.intrinsics[0, 2]
    return replace(
        view,
        color=view.color.flip(1),
        depth=view.depth.flip(1),
        semantic=reversed_columns(view.semantic),
        instance=reversed_columns(view.instance),
        intrinsics=intrinsics,
        camera_to_world=pose,
    )


def _mirrored_boxes(boxes: Boxes, axis: FlipAxis) -> Boxes:
    center = boxes.center.clone()
    center[:, "xy".index(axis)] *= -1.0
    heading = math.pi - boxes.heading if axis == "x" else -boxes.heading
    velocity = boxes.velocity
    if velocity is not None:
        velocity = velocity.clone()
        velocity[:, "xy".index(axis)] *= -1.0
    heading = torch.atan2(heading.sin(), heading.cos())
    return replace(boxes, center=center, heading=heading, velocity=velocity)
