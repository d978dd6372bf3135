"""The visual hull: all places that no mask excludes, as a cloud of its surface.

It is the largest thing that could have cast the masks (Laurentini, "The visual hull concept for silhouette-based
image understanding", PAMI 1994): right in outline from every camera, and without the hollows that no outline shows.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.ndimage import binary_erosion, gaussian_filter
from scipy.spatial import KDTree
from torch import Tensor

from ponder_data.depth import project
from ponder_data.fusion import Cloud
from ponder_data.scene import View
from ponder_data.virtual.splat import splat
from ponder_data.virtual.surfels import Surfels

_LEAST_SHARE = 0.2
"""A cell must be in the frame of this share of the views: what few cameras frame, few can exclude."""

_CHUNK = 1 << 18
_COLOR_VIEWS = 10
_SMOOTHING = 1.5


def visual_hull(
    views: Sequence[View], label: int, centre: Float[Tensor, "3"], radius: float, cells: int
) -> Cloud:
    """Return the surface cells of the hull of what the views label, with colours and outward normals.

    A cell in the ball that is searched belongs to the hull when every view that has its centre in the frame sees it at
    a pixel of the label. Colours are means over up to 10 of the views that see the surface, hidden parts left out.

    Args:
        views: with ``semantic`` images.
        label: of the thing in these.
        centre: of the ball, metres.
        radius: of the ball, metres.
        cells: across the ball.

    Raises:
        ValueError: when a view has no labels, or no cell belongs to the hull.
    """
    side = 2.0 * radius / cells
    inside = _inside(views, label, centre, side, cells)
    if not inside.any():
        raise ValueError(
            f"the masks of {len(views)} views have no place in common within {radius:g} of {centre.tolist()}; masks "
            "and cameras do not belong together"
        )
    surface = np.argwhere(inside & np.logical_not(binary_erosion(inside)))
    density = gaussian_filter(inside.astype(np.float32), _SMOOTHING)
    uphill = np.stack([np.gradient(density, axis=axis)[tuple(surface.T)] for axis in range(3)], axis=-1)
    normal = torch.nn.functional.normalize(-torch.from_numpy(uphill.astype(np.float32)), dim=1)
    coord = centre + (torch.from_numpy(surface).float() + 0.5 - cells / 2) * side
    return Cloud(coord=coord, color=_seen_colors(views, coord, normal, side), normal=normal)


def _inside(
    views: Sequence[View], label: int, centre: Tensor, side: float, cells: int
) -> Bool[np.ndarray, "x y z"]:
    axis = (torch.arange(cells) + 0.5 - cells / 2) * side
    place = torch.cartesian_prod(axis, axis, axis)
    kept = place.norm(dim=1) < side * cells / 2
    framed_by = torch.zeros(len(place), dtype=torch.int32)
    for view in views:
        if view.semantic is None:
            raise ValueError(f"view {view.name!r} has no labels; a hull is made of masks")
        mask = (view.semantic == label).reshape(-1)
        limit = torch.tensor([view.width, view.height])
        # Cells that are excluded already are not asked again.
        for part in kept.nonzero()[:, 0].split(_CHUNK):
            seen = project(centre + place[part], view.intrinsics, view.camera_to_world)
            pixel = seen.pixel.round().long()
            framed = (seen.z > 0) & ((pixel >= 0) & (pixel < limit)).all(dim=1)
            at = pixel[framed]
            framed_by[part[framed]] += 1
            kept[part[framed]] = mask[at[:, 1] * view.width + at[:, 0]]
    kept &= framed_by >= max(2, round(_LEAST_SHARE * len(views)))
    return kept.reshape(cells, cells, cells).numpy()


def _seen_colors(
    views: Sequence[View], coord: Tensor, normal: Tensor, side: float
) -> Float[Tensor, "points 3"]:
    """Return the mean colour of each point over the views that see it; of points that none sees, the nearest one's."""
    surfels = Surfels(
        coord=coord, normal=normal, color=torch.zeros_like(coord), radius=torch.full((len(coord),), side)
    )
    total, weight = torch.zeros_like(coord), torch.zeros(len(coord))
    for number in np.unique(np.linspace(0, len(views) - 1, _COLOR_VIEWS).round().astype(int)):
        view = views[number]
        shown = splat(surfels, view.intrinsics, view.camera_to_world, (view.width, view.height)).index
        hit = shown >= 0
        total.index_add_(0, shown[hit], view.color[hit])
        weight.index_add_(0, shown[hit], torch.ones(int(hit.sum())))
    color = total / weight.clamp(min=1)[:, None]
    seen = weight > 0
    if seen.any() and not seen.all():
        _, nearest = KDTree(coord[seen].numpy()).query(coord[~seen].numpy())
        color[~seen] = color[seen][torch.from_numpy(np.asarray(nearest))]
    return color
