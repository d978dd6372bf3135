"""Frames that do not agree with the rest of their scene: re-projection.

A surface that stands before another hides it. So where a point falls on a pixel at which a view measured something
clearly behind that point, the view looked through the surface on which the point lies: the two contradict each other.
A point behind what was measured contradicts nothing, it is hidden.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from ponder_data.checks.depth_scale import scale_factor
from ponder_data.checks.finding import Finding
from ponder_data.checks.places import picture_file
from ponder_data.checks.sightings import Sightings, sightings, view_points
from ponder_data.scene import Scene, View
from ponder_data.scene_files import SceneFiles

TOLERANCE = 0.05
"""Metres, and as much again per metre of depth: what sensors and poses of good recordings differ by."""

LARGEST_WITH_VIEWS = 0.25
LARGEST_WITH_CLOUD = 0.35
"""Shares of contradictions above which a frame is wrong. In a real recording (7-Scenes, Kinect) the shares are at most
0.08 and 0.06; turning one frame by 5 degrees, or shifting it by 15 cm, makes its share with the other views 0.46."""

_LEAST_SIGHTINGS = 200
_LEAST_VIEWS = 3
_MOST_VIEWS = 16
_POINTS_PER_VIEW = 2000


def check_reprojection(scene: Scene, files: SceneFiles) -> Iterator[Finding]:
    """Yield a finding for each view that contradicts the cloud, or most of the other views that see the same.

    The cloud alone would not do where it was fused from the views, the wrong one among them.
    """
    views = (*scene.views, *scene.held_out_views)
    with_others = contradictions_between(views)
    for number, view in enumerate(views):
        seen = sightings(scene.coord, view)
        if scale_factor(seen) is not None:
            continue  # check_depth_scale tells
        with_cloud, with_views = contradiction(seen), with_others[number]
        if with_views is not None and with_views > LARGEST_WITH_VIEWS:
            share, rest = with_views, "the other frames that see the same place"
        elif with_cloud is not None and with_cloud > LARGEST_WITH_CLOUD:
            share, rest = with_cloud, "the cloud"
        else:
            continue
        yield Finding(
            check="reprojection",
            severity="error",
            file=picture_file(files, view.name, "pose"),
            scene=scene.name,
            message=f"view {view.name}: {100 * share:.0f} % of what it sees contradicts {rest}; its pose, its depth or "
            "the intrinsics are wrong: repair it, or leave the frame out",
        )


def contradiction(seen: Sightings) -> float | None:
    """Return the share of points that lie before what was measured, of those that are not hidden.

    None where too few points are seen to judge.
    """
    tolerance = torch.clamp(TOLERANCE * seen.depth, min=TOLERANCE)
    before = int((seen.z < seen.depth - tolerance).sum())
    agreeing = int(((seen.z - seen.depth).abs() <= tolerance).sum())
    return before / (before + agreeing) if before + agreeing >= _LEAST_SIGHTINGS else None


def contradictions_between(views: Sequence[View]) -> tuple[float | None, ...]:
    """Return, for each view, the median share of contradictions with up to 16 others, evenly spread.

    Both directions count: what the view sees in the other's picture, and the reverse; the larger is taken. The
    median is on the side of the many: one wrong view does not blame those that it contradicts. None where fewer
    than three others see the same.
    """
    points = [view_points(view, _POINTS_PER_VIEW) for view in views]
    shares = np.full((len(views), len(views)), np.nan)
    for first in range(len(views)):
        others = [number for number in range(len(views)) if number != first]
        for second in others[:: -(-len(others) // _MOST_VIEWS)] if others else ():
            share = contradiction(sightings(points[first], views[second]))
            if share is not None:
                shares[first, second] = share
    both = np.fmax(shares, shares.T)
    known = np.isfinite(both)
    return tuple(
        float(np.median(row[row_known])) if row_known.sum() >= _LEAST_VIEWS else None
        for row, row_known in zip(both, known, strict=True)
    )
