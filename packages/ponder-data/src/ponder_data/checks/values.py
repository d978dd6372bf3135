"""Numbers of a scene that are NaN, infinite or impossible."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ponder_data.checks.finding import Finding
from ponder_data.checks.places import cloud_file, picture_file
from ponder_data.scene import Scene
from ponder_data.scene_files import SceneFiles


def check_values(scene: Scene, files: SceneFiles) -> Iterator[Finding]:
    """Yield a finding for each field of the cloud, the boxes and the views with a number that is not finite.

    Velocities of boxes may be NaN: then they are not known.
    """
    of_points = {name: getattr(scene, name) for name in ("coord", "color", "normal", "intensity", "time")}
    of_boxes = {}
    if scene.boxes is not None:
        of_boxes = {f"boxes.{name}": getattr(scene.boxes, name) for name in ("center", "size", "heading")}
    for name, values in (of_points | of_boxes).items():
        broken = _broken_rows(values)
        if broken:
            yield Finding(
                check="not_finite",
                severity="error",
                file=cloud_file(files),
                scene=scene.name,
                message=f"{broken} of {len(values)} rows of {name} are NaN or infinite; remove them",
            )
    for view in (*scene.views, *scene.held_out_views):
        for name in ("color", "depth"):
            broken = int((~torch.isfinite(getattr(view, name))).sum())
            if broken:
                yield Finding(
                    check="not_finite",
                    severity="error",
                    file=picture_file(files, view.name, name),
                    scene=scene.name,
                    message=f"view {view.name}: {broken} numbers of {name} are NaN or infinite; 0 marks missing depth",
                )


def _broken_rows(values: Tensor | None) -> int:
    if values is None or len(values) == 0:
        return 0
    return int((~torch.isfinite(values)).reshape(len(values), -1).any(dim=1).sum())
