"""What of the cameras' pictures the image network sees: scaled, then cut to one size; intrinsics follow exactly."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from ponder_data import View, draw_uniform
from ponder_data.datasets.rgbd_sequence import resized_intrinsics
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator
from torch import Tensor

from ponder_tasks.outdoor.image_batch import SceneImages


class ImageWindowConfig(BaseModel):
    """Size of the pictures that the image network sees, and how they vary in training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: PositiveInt = Field(default=1600, description="columns of the window")
    height: PositiveInt = Field(
        default=900,
        description="rows of the window; fewer than the picture's cut off its upper part, the sky",
    )
    zoom: tuple[float, float] = Field(
        default=(1.0, 1.0),
        description="in training a picture is scaled to this many windows' width, uniform in this range; the window "
        "then lies anywhere along the rows",
    )

    @field_validator("zoom")
    @classmethod
    def _zoom_is_a_range(cls, zoom: tuple[float, float]) -> tuple[float, float]:
        if not 1 <= zoom[0] <= zoom[1] < math.inf:
            raise ValueError(f"zoom is {zoom}; give the lower factor first, none below 1, e.g. (1.0, 1.1)")
        return zoom


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A window of a scaled picture: the picture's scaled size, and the window's first row and column in it."""

    scaled_height: int
    scaled_width: int
    top: int
    left: int
    height: int
    width: int


def choose_window(view: View, config: ImageWindowConfig, generator: torch.Generator | None) -> Window:
    """Choose the window of a picture: scaled to the window's width times the zoom, cut from the bottom up.

    Args:
        view: the picture as the camera took it.
        config: the size and the zoom.
        generator: draws zoom and place; None (evaluation): no zoom, the whole width.

    Raises:
        ValueError: when the scaled picture has fewer rows than the window.
    """
    zoom = 1.0 if generator is None else draw_uniform(config.zoom[0], config.zoom[1], generator)
    width = round(config.width * zoom)
    height = round(view.height * width / view.width)
    if height < config.height:
        raise ValueError(
            f"view {view.name!r} of {view.width} x {view.height} pixels is {width} x {height} when scaled, but the "
            f"window has {config.height} rows: set its height to at most {height}"
        )
    spare = width - config.width
    left = spare // 2 if generator is None else int(draw_uniform(0.0, float(spare + 1), generator))
    return Window(
        scaled_height=height,
        scaled_width=width,
        top=height - config.height,
        left=min(left, spare),
        height=config.height,
        width=config.width,
    )


def cut_color(
    color: Float[Tensor, "height width 3"], window: Window
) -> UInt8[Tensor, "3 {window.height} {window.width}"]:
    """Scale a picture, averaging where it shrinks, and cut the window out; 8 bits a channel."""
    image = color.permute(2, 0, 1)
    if image.shape[1:] != (window.scaled_height, window.scaled_width):
        size = (window.scaled_height, window.scaled_width)
        image = F.interpolate(image[None], size, mode="bilinear", antialias=True)[0]
    rows, columns = (
        slice(window.top, window.top + window.height),
        slice(window.left, window.left + window.width),
    )
    return (image[:, rows, columns] * 255.0).round().clamp(0, 255).to(torch.uint8)


def window_intrinsics(view: View, window: Window) -> Float[Tensor, "3 3"]:
    """Return the intrinsics of the window: the point that a pixel shows stays the same."""
    scaled = (window.scaled_width, window.scaled_height)
    intrinsics = resized_intrinsics(view.intrinsics, (view.width, view.height), scaled)
    intrinsics[0, 2] -= window.left
    intrinsics[1, 2] -= window.top
    return intrinsics


def cut_depth(view: View, window: Window) -> Float[Tensor, "{window.height} {window.width}"]:
    """Carry each measured depth to the pixel of the window that its pixel falls into, the nearest where several do.

    Sparse depth cannot be interpolated: between two returns there may be anything.
    """
    row, column = torch.nonzero(view.depth > 0, as_tuple=True)
    depth = view.depth[row, column]
    row = ((row + 0.5) * (window.scaled_height / view.height)).floor().long() - window.top
    column = ((column + 0.5) * (window.scaled_width / view.width)).floor().long() - window.left
    inside = (row >= 0) & (row < window.height) & (column >= 0) & (column < window.width)
    nearest = torch.full((window.height * window.width,), torch.inf, dtype=depth.dtype)
    nearest.scatter_reduce_(0, (row * window.width + column)[inside], depth[inside], reduce="amin")
    return torch.where(nearest.isinf(), 0.0, nearest).reshape(window.height, window.width)


def prepare_images(
    views: Sequence[View],
    config: ImageWindowConfig,
    generator: torch.Generator | None,
    *,
    with_depth: bool,
) -> SceneImages:
    """Return the window of every picture of a scene.

    Args:
        views: of one scene, in its (augmented) frame.
        config: the window.
        generator: draws a zoom and a place for each picture; None in evaluation.
        with_depth: whether the depth of the views is carried along.

    Raises:
        ValueError: there are no pictures, or one is too flat for the window.
    """
    if len(views) == 0:
        raise ValueError("prepare_images: the scene has no pictures, but cameras are to be encoded")
    windows = [choose_window(view, config, generator) for view in views]
    pairs = list(zip(views, windows, strict=True))
    return SceneImages(
        color=torch.stack([cut_color(view.color, window) for view, window in pairs]),
        intrinsics=torch.stack([window_intrinsics(view, window) for view, window in pairs]),
        camera_to_world=torch.stack([view.camera_to_world for view in views]),
        depth=torch.stack([cut_depth(view, window) for view, window in pairs]) if with_depth else None,
    )
