"""One frame on the page: its picture, its depth, and its classes."""

from html import escape

import numpy as np
from jaxtyping import Float
from ponder_data import View
from scipy.ndimage import minimum_filter

from ponder_tasks.data.scene_pictures import class_legend, palette_for
from ponder_tasks.report.legend import legend
from ponder_tasks.report.palette import label_colors
from ponder_tasks.report.png import as_bytes, png_data_uri
from ponder_tasks.report.view_card import depth_bar, depth_range, depth_to_rgb
from ponder_tasks.report.wording import SOURCES

SPARSE = 0.2
"""Depth that fewer of the pixels have (a LiDAR's) is drawn in thicker dots."""


def frame_card(
    view: View,
    class_names: tuple[str, ...],
    palette: Float[np.ndarray, "classes 3"] | None,
    picture_side: int,
    *,
    held_out: bool,
) -> str:
    """Return the frame as an ``article``, its pictures at most ``picture_side`` pixels wide."""
    pictures = [_picture("Colour", as_bytes(view.color.double().numpy()), picture_side)]
    depth = view.depth.double().numpy()
    measured = depth > 0
    if measured.any():
        nearest, farthest = depth_range(depth, depth)
        shown = thickened(depth, picture_side) if measured.mean() < SPARSE else depth
        bar = depth_bar(nearest, farthest, missing=not bool((shown > 0).all()))
        picture = as_bytes(depth_to_rgb(shown, nearest, farthest))
        pictures.append(_picture("Depth", picture, picture_side, smooth=False, under=bar))
    names = ""
    if view.semantic is not None:
        labels = view.semantic.numpy()
        of_class = palette_for(labels, class_names, palette)
        picture = as_bytes(label_colors(labels, of_class))
        pictures.append(_picture("Classes", picture, picture_side, smooth=False))
        names = legend(class_legend(labels, class_names, of_class))
    words = [SOURCES[view.source][1], f"{view.width} × {view.height} pixels"]
    words.append(f"{100 * measured.mean():.0f} % with depth" if measured.any() else "no depth")
    if held_out:
        words.append("held out")
    return (
        f'<article class="view"><header><h3>{escape(view.name)}</h3>'
        f'<p class="quiet">{escape(" · ".join(words))}</p></header>'
        f'<div class="pairs">{"".join(pictures)}</div>{names}</article>'
    )


def thickened(
    depth: Float[np.ndarray, "height width"], picture_side: int
) -> Float[np.ndarray, "height width"]:
    """Return sparse depth with each value spread over the pixels around it, the nearest on top.

    The dots are about three pixels wide once the picture is made smaller to ``picture_side``.
    """
    width = 2 * max(1, round(1.5 * max(depth.shape) / picture_side)) + 1
    near = minimum_filter(np.where(depth > 0, depth, np.inf), size=width, mode="constant", cval=np.inf)
    return np.where(np.isfinite(near), near, 0.0)


def _picture(
    title: str, image: np.ndarray, picture_side: int, *, smooth: bool = True, under: str = ""
) -> str:
    address = png_data_uri(image, longest_side=picture_side, smooth=smooth)
    height, width = image.shape[:2]
    return (
        f'<div class="pair"><h4>{title}</h4><figure><img src="{address}" width="{width}" height="{height}" '
        f'alt="{title}"></figure><div class="under">{under}</div></div>'
    )
