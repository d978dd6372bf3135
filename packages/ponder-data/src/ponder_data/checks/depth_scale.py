"""Scales of a scene: depth that is not in the unit of the cloud, and coordinates that are not metres."""

import math
from collections.abc import Iterator

import torch

from ponder_data.checks.finding import Finding
from ponder_data.checks.places import cloud_file, picture_file
from ponder_data.checks.sightings import Sightings, sightings
from ponder_data.scene import Scene
from ponder_data.scene_files import SceneFiles

PLAUSIBLE_EXTENT = (0.02, 2000.0)
"""Metres: from a cup to a quarter of a town."""

_LEAST_SIGHTINGS = 100
_LEAST_FACTOR = 10.0


def check_depth_scale(scene: Scene, files: SceneFiles) -> Iterator[Finding]:
    """Yield a finding for a cloud of impossible size, and for each view whose depth has another unit than the cloud.

    The unit of a view is judged by the median ratio of what it measures to the z-depth of the points that fall on the
    same pixels: occlusion moves it by less than the factor 10 that is asked for.
    """
    extent = float((scene.coord.amax(dim=0) - scene.coord.amin(dim=0)).max()) if len(scene) else 1.0
    if not PLAUSIBLE_EXTENT[0] <= extent <= PLAUSIBLE_EXTENT[1]:
        yield Finding(
            check="depth_scale",
            severity="error",
            file=cloud_file(files),
            scene=scene.name,
            message=f"the cloud is {extent:.4g} m long, so that its coordinates are hardly metres; scale them",
        )
    for view in (*scene.views, *scene.held_out_views):
        factor = scale_factor(sightings(scene.coord, view))
        if factor is not None:
            yield Finding(
                check="depth_scale",
                severity="error",
                file=picture_file(files, view.name, "depth"),
                scene=scene.name,
                message=f"view {view.name}: its depth is {factor:.3g} times that of the points it sees; "
                f"divide it by {factor:.3g}, or set the depth scale of the reader",
            )


def scale_factor(seen: Sightings) -> float | None:
    """Return by what the depth must be divided to be that of the points; None where it fits within a factor 10."""
    if len(seen) < _LEAST_SIGHTINGS:
        return None
    ratio = float(torch.median(seen.depth / seen.z))
    return ratio if abs(math.log10(ratio)) >= math.log10(_LEAST_FACTOR) else None
