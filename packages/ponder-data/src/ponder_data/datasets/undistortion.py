"""Pictures of lenses that bend straight lines, as a pinhole camera would have taken them."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import grid_sample

ToPixel = Callable[[Float[np.ndarray, "rays 3"]], Float[np.ndarray, "rays 2"]]
"""Takes places in the frame of a camera to the pixels of its picture, pixel centres at integers."""

_LARGEST_ZOOM = 4.0
_HALVINGS = 24


def pinhole_inside(
    to_pixel: ToPixel, intrinsics: Float[np.ndarray, "3 3"], size: tuple[int, int]
) -> Float[np.ndarray, "3 3"]:
    """Return intrinsics of a picture of the same ``size`` = (width, height) that the lens has seen all of.

    They are ``intrinsics``, zoomed in about the principal point by the least factor (to 1e-6) that leaves no pixel of
    the rim without a place in the lens's picture.

    Raises:
        ValueError: when a zoom by 4 does not suffice.
    """
    if not _sees_rim(to_pixel, _zoomed(intrinsics, _LARGEST_ZOOM), size):
        raise ValueError(
            f"intrinsics {intrinsics.tolist()} with a lens that bends lines so much leave nothing of a picture of "
            f"{size} pixels; leave these pictures out, or calibrate their camera again"
        )
    least, enough = 1.0, _LARGEST_ZOOM
    if _sees_rim(to_pixel, intrinsics, size):
        return intrinsics
    for _ in range(_HALVINGS):
        middle = 0.5 * (least + enough)
        seen = _sees_rim(to_pixel, _zoomed(intrinsics, middle), size)
        least, enough = (least, middle) if seen else (middle, enough)
    return _zoomed(intrinsics, enough)


def undistorted(
    color: Float[Tensor, "height width 3"], to_pixel: ToPixel, intrinsics: Float[np.ndarray, "3 3"]
) -> Float[Tensor, "height width 3"]:
    """Return what a pinhole camera with ``intrinsics`` sees of a picture, interpolated bilinearly."""
    height, width = color.shape[:2]
    v, u = np.mgrid[:height, :width].astype(np.float64)
    pixel = to_pixel(_rays(np.stack((u, v), axis=-1).reshape(-1, 2), intrinsics))
    # grid_sample counts pixel centres from -1 to 1.
    where = pixel / np.maximum(np.array([width - 1, height - 1]), 1) * 2.0 - 1.0
    grid = torch.from_numpy(where.reshape(1, height, width, 2)).to(color.dtype)
    planes = color.permute(2, 0, 1)[None]
    found = grid_sample(planes, grid, mode="bilinear", padding_mode="border", align_corners=True)
    return found[0].permute(1, 2, 0).contiguous()


def _zoomed(intrinsics: Float[np.ndarray, "3 3"], zoom: float) -> Float[np.ndarray, "3 3"]:
    return intrinsics * np.array([[zoom, zoom, 1.0], [1.0, zoom, 1.0], [1.0, 1.0, 1.0]])


def _rays(pixel: Float[np.ndarray, "pixels 2"], intrinsics: Float[np.ndarray, "3 3"]) -> np.ndarray:
    homogeneous = np.concatenate((pixel, np.ones((len(pixel), 1))), axis=1)
    return homogeneous @ np.linalg.inv(intrinsics).T


def _sees_rim(to_pixel: ToPixel, intrinsics: Float[np.ndarray, "3 3"], size: tuple[int, int]) -> bool:
    width, height = size
    u, v = np.arange(width), np.arange(height)
    rim = np.concatenate(
        [np.stack((u, np.full(width, row)), axis=1) for row in (0, height - 1)]
        + [np.stack((np.full(height, column), v), axis=1) for column in (0, width - 1)]
    ).astype(np.float64)
    pixel = to_pixel(_rays(rim, intrinsics))
    # Pixels reach half a pixel beyond their centres.
    low, high = -0.5 - 1e-6, np.array([width, height]) - 0.5 + 1e-6
    return bool(np.isfinite(pixel).all() and ((pixel >= low) & (pixel <= high)).all())
