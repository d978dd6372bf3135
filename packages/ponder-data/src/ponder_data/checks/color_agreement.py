"""Pictures without depth that do not show the cloud: its colours, seen from each pose, beside the picture.

What a pose sees of the cloud is drawn in blocks of pixels, the nearest surface only, and correlated with the picture
block by block. Colours of two sensors differ in brightness, so that no fixed number says "wrong"; but a picture fits
its own pose clearly better than the poses of the other pictures, and that is what is asked.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ponder_data.checks.finding import Finding
from ponder_data.checks.places import picture_file
from ponder_data.depth import project_to_view
from ponder_data.scene import Scene, View
from ponder_data.scene_files import SceneFiles

BLOCKS = (30, 40)
"""Rows and columns of blocks, whatever the size of the picture."""

_LEAST_BLOCKS = 150
_LEAST_VIEWS = 4
_LEAST_CONTRAST = 0.03
_CLEARLY = 0.4
_SURFACE = 0.1
"""Points so much farther away than the nearest of their block, relatively, still belong to its surface."""


def seen_blocks(scene: Scene, view: View) -> Float[Tensor, "3 rows columns"]:
    """Return the mean colour of the nearest surface of the cloud in each block of the view; NaN where none is."""
    projected = project_to_view(scene.coord, view)
    column, row = projected.pixel.round().unbind(dim=1)
    inside = (projected.z > 0) & (column >= 0) & (column < view.width) & (row >= 0) & (row < view.height)
    z, rows, columns = projected.z[inside], *BLOCKS
    block = (row[inside] * rows / view.height).long() * columns + (
        column[inside] * columns / view.width
    ).long()
    nearest = torch.full((rows * columns,), torch.inf).scatter_reduce_(0, block, z, "amin")
    front = z <= (1 + _SURFACE) * nearest[block]
    block, color = block[front], scene.color[inside][front]
    total = torch.zeros(rows * columns, 3).index_add_(0, block, color)
    count = torch.zeros(rows * columns).index_add_(0, block, torch.ones(len(block)))
    return (total / count[:, None]).T.reshape(3, rows, columns)


def likenesses(scene: Scene, views: Sequence[View]) -> Float[np.ndarray, "pictures poses"]:
    """Return how like every picture is to what every pose sees of the cloud.

    That is their correlation over the blocks in which the pose sees something, each channel about its mean. NaN
    where that are too few, or either is nearly of one colour.
    """
    pictures = torch.stack([adaptive_avg_pool2d(view.color.permute(2, 0, 1), BLOCKS) for view in views])
    result = np.full((len(views), len(views)), np.nan)
    for pose, view in enumerate(views):
        seen = seen_blocks(scene, view)
        known = seen.isfinite().all(dim=0)
        if int(known.sum()) < _LEAST_BLOCKS:
            continue
        shown, expected = pictures[:, :, known], seen[:, known]
        shown = shown - shown.mean(dim=2, keepdim=True)
        expected = expected - expected.mean(dim=1, keepdim=True)
        contrast = shown.square().mean(dim=(1, 2)).sqrt()
        contrast_seen = expected.square().mean().sqrt()
        product = (shown * expected).mean(dim=(1, 2)) / (contrast * contrast_seen)
        telling = (contrast > _LEAST_CONTRAST) & (contrast_seen > _LEAST_CONTRAST)
        result[:, pose] = torch.where(telling, product, torch.nan).double().numpy()
    return result


def unlike(values: Float[np.ndarray, "pictures poses"]) -> list[int]:
    """Return the pictures that do not fit their own poses: those on the diagonal of ``values``.

    Such a picture is less than half as like its own pose as the middle picture of the scene is, and no more like it
    than one in ten of the other poses. None is, where pictures do not fit their own poses clearly better than others':
    then the colours of the cloud do not tell.
    """
    own = np.diag(values)
    others = np.where(np.eye(len(values), dtype=bool), np.nan, values)
    if np.isfinite(own).sum() < _LEAST_VIEWS:
        return []
    usual = float(np.nanmedian(own))
    if not usual - float(np.nanmedian(others)) >= _CLEARLY:
        return []
    low = np.flatnonzero(own < usual / 2)  # NaN compares false
    return [int(number) for number in low if own[number] < np.nanquantile(others[number], 0.9)]


def check_color_agreement(scene: Scene, files: SceneFiles) -> Iterator[Finding]:
    """Yield a finding for each picture without depth that does not show what its pose sees of the cloud.

    Poses that are off by little or swapped with one nearby are not found, nor those that see no cloud, and none are
    where most are wrong.
    """
    views = [view for view in (*scene.views, *scene.held_out_views) if not bool((view.depth > 0).any())]
    if len(scene) == 0 or len(views) < _LEAST_VIEWS:
        return
    values = likenesses(scene, views)
    found = unlike(values)
    usual = float(np.nanmedian(np.diag(values))) if found else 0.0
    for number in found:
        yield Finding(
            check="reprojection",
            severity="error",
            file=picture_file(files, views[number].name, "pose"),
            scene=scene.name,
            message=f"view {views[number].name}: the picture is not what its pose sees of the cloud (their colours "
            f"correlate to {values[number, number]:.2f}, those of the middle frame to {usual:.2f}); its pose or the "
            "intrinsics are wrong, or it is of another scene: repair it, or leave the frame out",
        )
