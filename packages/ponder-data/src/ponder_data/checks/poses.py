"""Cameras of a scene that cannot be: poses that are no rigid motion, intrinsics of no camera."""

from collections.abc import Iterator

import torch

from ponder_data.checks.finding import Finding
from ponder_data.checks.places import picture_file
from ponder_data.scene import Scene, View
from ponder_data.scene_files import SceneFiles

_TOLERANCE = 1e-2


def check_poses(scene: Scene, files: SceneFiles) -> Iterator[Finding]:
    """Yield a finding for each view whose pose is no rigid motion, or whose intrinsics are no pinhole camera's."""
    for view in (*scene.views, *scene.held_out_views):
        fault = pose_fault(view) or intrinsics_fault(view)
        if fault:
            yield Finding(
                check="pose",
                severity="error",
                file=picture_file(files, view.name, "pose"),
                scene=scene.name,
                message=f"view {view.name}: {fault}; repair it, or leave the view out",
            )


def pose_fault(view: View) -> str:
    """Return what keeps ``camera_to_world`` from being a rigid motion, or nothing."""
    pose = view.camera_to_world.double()
    if not torch.isfinite(pose).all():
        return "its pose holds NaN or infinity"
    if (pose[3] - pose.new_tensor([0.0, 0.0, 0.0, 1.0])).abs().max() > 1e-4:
        return f"the bottom row of its pose is {pose[3].tolist()}, not [0, 0, 0, 1]"
    rotation = pose[:3, :3]
    skew = float((rotation @ rotation.T - torch.eye(3, dtype=torch.float64)).abs().max())
    if skew > _TOLERANCE:
        return f"the upper left 3x3 of its pose is not a rotation (R R^T differs from 1 by {skew:.3g})"
    if torch.det(rotation) < 0:
        return "the upper left 3x3 of its pose is a reflection, not a rotation"
    return ""


def intrinsics_fault(view: View) -> str:
    """Return what keeps the intrinsics from being those of a pinhole camera for this picture, or nothing."""
    matrix = view.intrinsics.double()
    if not torch.isfinite(matrix).all():
        return "its intrinsics hold NaN or infinity"
    fx, fy, cx, cy = (float(matrix[place]) for place in ((0, 0), (1, 1), (0, 2), (1, 2)))
    if fx <= 0 or fy <= 0:
        return f"its focal lengths are {fx:g} and {fy:g} pixels"
    if not (-0.5 * view.width < cx < 1.5 * view.width and -0.5 * view.height < cy < 1.5 * view.height):
        size = f"{view.width}x{view.height}"
        return f"its principal point ({cx:g}, {cy:g}) lies far outside of the picture of {size} pixels"
    return ""
