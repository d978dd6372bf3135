"""Posed RGB-D frames of datasets as views: which of them, at what size."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ponder_data.datasets.rgbd_sequence import resized_intrinsics, resized_size
from ponder_data.scene import View, ViewSource

# Cameras whose rays differ by less than this in every pixel are one camera.
_SAME_PIXELS = 0.5
_ROTATION_TOLERANCE = 1e-2


class FrameOptions(BaseModel):
    """Which frames of a scene become its views, and how large. Configurations of datasets build on it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    views: int = Field(
        default=8, ge=0, description="frames per scene, evenly spread over those with a pose; 0: none"
    )
    held_out_views: int = Field(
        default=0, ge=0, description="frames beside these that training does not see; clouds are made of all"
    )
    image_width: int | None = Field(
        default=None, ge=1, description="resize to this width; None: from the height, or depth's own size"
    )
    image_height: int | None = Field(
        default=None, ge=1, description="resize to this height; None: from the width, or depth's own size"
    )
    depth_range: tuple[float, float] = Field(
        default=(0.1, 10.0), description="metres; other depths count as missing"
    )

    @property
    def frames(self) -> int:
        """How many frames are read of a scene."""
        return self.views + self.held_out_views

    def divided(self, views: tuple[View, ...]) -> tuple[tuple[View, ...], tuple[View, ...]]:
        """Return the views of a scene, and those held out: evenly spread, at most ``held_out_views``.

        Where a scene has fewer frames than asked for, at least one of them stays for training.
        """
        kept = min(self.held_out_views, max(len(views) - 1, 0))
        held_out = set(spread_indices(range(len(views)), kept))
        return (
            tuple(view for number, view in enumerate(views) if number not in held_out),
            tuple(view for number, view in enumerate(views) if number in held_out),
        )


def spread_indices(available: Sequence[int], count: int) -> list[int]:
    """Return at most ``count`` of the available numbers, evenly spread, in order."""
    if count >= len(available):
        return list(available)
    return [available[int((i + 0.5) * len(available) / count)] for i in range(count)]


def valid_poses(poses: Float[np.ndarray, "frames 4 4"]) -> Bool[np.ndarray, " frames"]:
    """Return which poses are rigid motions: finite, and their upper left a rotation."""
    finite = np.asarray(np.isfinite(poses).all(axis=(1, 2)))
    rotation = np.where(finite[:, None, None], poses[:, :3, :3], 0.0)
    off = np.abs(rotation @ rotation.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2), initial=0.0)
    return finite & np.asarray(off < _ROTATION_TOLERANCE) & (np.linalg.det(rotation) > 0)


def frame_view(
    name: str,
    color: UInt8[np.ndarray, "height width 3"],
    depth: Float[np.ndarray, "rows columns"],
    color_intrinsics: Float[np.ndarray, "3 3"],
    depth_intrinsics: Float[np.ndarray, "3 3"],
    camera_to_world: Float[np.ndarray, "4 4"],
    options: FrameOptions,
    *,
    semantic: Int[np.ndarray, "rows columns"] | None = None,
    instance: Int[np.ndarray, "rows columns"] | None = None,
    source: ViewSource = "camera",
) -> View:
    """Return a frame as a view of the depth camera.

    Colours are averaged over the pixels they cover; depth and labels are taken from the nearest pixel. Where
    the colour picture has other intrinsics, it is shifted and scaled onto the depth camera's rays (both look
    from the same place: datasets register their depth to the colour camera).
    """
    full = (depth.shape[1], depth.shape[0])
    size = full
    if options.image_width is not None or options.image_height is not None:
        size = resized_size(full, options.image_width, options.image_height)
    intrinsics = _resized(depth_intrinsics, full, size)
    low, high = options.depth_range
    small = _nearest(depth.astype(np.float32), size)
    return View(
        name=name,
        color=torch.from_numpy(_aligned_color(color, color_intrinsics, intrinsics, size)).float() / 255.0,
        depth=torch.from_numpy(np.where((small >= low) & (small <= high), small, np.float32(0))),
        intrinsics=torch.from_numpy(intrinsics).float(),
        camera_to_world=torch.from_numpy(camera_to_world).float(),
        semantic=_label_image(semantic, size),
        instance=_label_image(instance, size),
        source=source,
    )


def _resized(
    intrinsics: Float[np.ndarray, "3 3"], full: tuple[int, int], size: tuple[int, int]
) -> Float[np.ndarray, "3 3"]:
    return resized_intrinsics(torch.from_numpy(intrinsics.astype(np.float64)), full, size).numpy()


def _nearest(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return an image of numbers at ``size`` = (width, height), each the nearest pixel's."""
    height, width = image.shape
    columns = ((np.arange(size[0]) + 0.5) * width / size[0]).astype(np.int64)
    rows = ((np.arange(size[1]) + 0.5) * height / size[1]).astype(np.int64)
    return image[rows[:, None], columns]


def _label_image(
    labels: Int[np.ndarray, "rows columns"] | None, size: tuple[int, int]
) -> Int[Tensor, "height width"] | None:
    return None if labels is None else torch.from_numpy(_nearest(labels, size).astype(np.int64))


def _axis_places(
    of: Float[np.ndarray, "3 3"], at: Float[np.ndarray, "3 3"], size: tuple[int, int]
) -> tuple[Float[np.ndarray, " width"], Float[np.ndarray, " height"]]:
    """Return where the rays of a picture's columns and rows fall in another camera's picture at the same place."""
    u = (np.arange(size[0]) - at[0, 2]) * of[0, 0] / at[0, 0] + of[0, 2]
    v = (np.arange(size[1]) - at[1, 2]) * of[1, 1] / at[1, 1] + of[1, 2]
    return u, v


def labels_at_depth(
    labels: Int[np.ndarray, "rows columns"],
    color_intrinsics: Float[np.ndarray, "3 3"],
    depth_intrinsics: Float[np.ndarray, "3 3"],
    size: tuple[int, int],
) -> Int[np.ndarray, "height width"]:
    """Return the labels of a colour picture for the pixels of a depth picture of ``size`` = (width, height).

    Each is the nearest pixel's of the same ray; -1 outside the colour picture.
    """
    u, v = (np.rint(axis).astype(np.int64) for axis in _axis_places(color_intrinsics, depth_intrinsics, size))
    height, width = labels.shape
    found = labels[v.clip(0, height - 1)[:, None], u.clip(0, width - 1)]
    inside = ((v >= 0) & (v < height))[:, None] & (u >= 0) & (u < width)
    return np.where(inside, found, -1)


def _between(values: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    """Return values at fractional places along an axis, linear between its samples and constant beyond its ends."""
    last = values.shape[axis] - 1
    places = places.clip(0, last)
    low = np.minimum(np.floor(places).astype(np.int64), max(last - 1, 0))
    part = (places - low).reshape([-1 if i == axis else 1 for i in range(values.ndim)])
    first, second = values.take(low, axis), values.take(np.minimum(low + 1, last), axis)
    return first * (1 - part) + second * part


def _aligned_color(
    color: UInt8[np.ndarray, "rows columns 3"],
    color_intrinsics: Float[np.ndarray, "3 3"],
    intrinsics: Float[np.ndarray, "3 3"],
    size: tuple[int, int],
) -> UInt8[np.ndarray, "height width 3"]:
    full = (color.shape[1], color.shape[0])
    if full != size:
        color = np.array(Image.fromarray(color).resize(size, Image.Resampling.BOX))
    u, v = _axis_places(_resized(color_intrinsics, full, size), intrinsics, size)
    apart = max(np.abs(u - np.arange(size[0])).max(), np.abs(v - np.arange(size[1])).max())
    if apart > _SAME_PIXELS:
        moved = _between(_between(color.astype(np.float32), v, axis=0), u, axis=1)
        color = np.rint(moved).astype(np.uint8)
    return color
