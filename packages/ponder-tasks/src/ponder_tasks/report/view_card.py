"""One held-out view on the page: what was seen, and under it what the model renders."""

from html import escape

import numpy as np
import torch
from jaxtyping import Bool, Float
from matplotlib import colormaps

from ponder_tasks.metrics.rendering import measure_view
from ponder_tasks.report.legend import css_color, legend, swatch
from ponder_tasks.report.palette import class_palette, label_colors
from ponder_tasks.report.pictures import ViewPictures
from ponder_tasks.report.png import as_bytes, png_data_uri
from ponder_tasks.report.wording import SOURCES, number

MISSING = (0.60, 0.62, 0.64)
"""Grey of pixels without a depth or a normal."""

DEPTH_COLORS = "viridis_r"


def view_card(view: ViewPictures, picture_side: int) -> str:
    """Return the view as an ``article``: a pair of pictures each for colour, depth, normals and classes."""
    pairs = [
        _pair(view, "Colour", as_bytes(view.real_color), as_bytes(view.rendered_color), picture_side),
        _depth_pair(view, picture_side),
    ]
    if view.real_normal is not None or view.rendered_normal is not None:
        pairs.append(
            _pair(view, "Normals", _normals(view.real_normal), _normals(view.rendered_normal), picture_side)
        )
    if view.real_semantic is not None or view.rendered_semantic is not None:
        pairs.append(_semantic_pair(view, picture_side))
    return (
        f'<article class="view"><header><h3>{escape(view.name)}</h3>'
        f'<p class="quiet">{SOURCES[view.source][1]} · {_figures(view)}</p></header>'
        f'<div class="pairs">{"".join(pairs)}</div>{_legend(view)}</article>'
    )


def depth_range(
    real: Float[np.ndarray, "height width"], rendered: Float[np.ndarray, "height width"]
) -> tuple[float, float]:
    """Return the metres that both depth pictures are coloured over.

    They hold all but the nearest and farthest hundredth of the real depths, or where none is known of the
    rendered.
    """
    known = real[_known(real)]
    known = known if known.size else rendered[_known(rendered)]
    if not known.size:
        return 0.0, 1.0
    nearest, farthest = np.percentile(known, [1.0, 99.0]).tolist()
    return nearest, max(farthest, nearest + 0.01)


def depth_to_rgb(
    depth: Float[np.ndarray, "height width"], nearest: float, farthest: float
) -> Float[np.ndarray, "height width 3"]:
    """Return the depth in colours from bright (near) to dark (far); grey where it is missing."""
    scaled = np.clip((np.nan_to_num(depth) - nearest) / (farthest - nearest), 0.0, 1.0)
    rgb = colormaps[DEPTH_COLORS](scaled)[..., :3]
    return np.where(_known(depth)[..., None], rgb, MISSING)


def normals_to_rgb(normal: Float[np.ndarray, "height width 3"]) -> Float[np.ndarray, "height width 3"]:
    """Return unit vectors as colours, ``(n + 1) / 2``; grey where the vector is zero or not finite."""
    known = np.isfinite(normal).all(axis=-1) & (normal != 0).any(axis=-1)
    return np.where(known[..., None], 0.5 * (np.nan_to_num(normal) + 1.0), MISSING)


def depth_bar(nearest: float, farthest: float, *, missing: bool) -> str:
    """Return the colour bar of depth pictures, with the grey of missing pixels where there are any."""
    stops = [css_color(colormaps[DEPTH_COLORS](place / 8)[:3]) for place in range(9)]
    middle = 0.5 * (nearest + farthest)
    grey = f'<span class="missing">{swatch(MISSING)}missing</span>' if missing else ""
    return (
        f'<div class="bar" style="background:linear-gradient(90deg,{",".join(stops)})"></div>'
        f'<div class="scale"><span>{nearest:.1f} m</span><span>{middle:.1f}</span>'
        f"<span>{farthest:.1f} m</span>{grey}</div>"
    )


def _known(depth: Float[np.ndarray, "height width"]) -> Bool[np.ndarray, "height width"]:
    """Return where there is a depth."""
    return np.isfinite(depth) & (depth > 0)


def _normals(normal: Float[np.ndarray, "height width 3"] | None) -> np.ndarray | None:
    """Return the picture of normals, or None."""
    return None if normal is None else as_bytes(normals_to_rgb(normal))


def _depth_pair(view: ViewPictures, picture_side: int) -> str:
    """Return both depths on one scale, with its colour bar."""
    nearest, farthest = depth_range(view.real_depth, view.rendered_depth)
    real = as_bytes(depth_to_rgb(view.real_depth, nearest, farthest))
    rendered = as_bytes(depth_to_rgb(view.rendered_depth, nearest, farthest))
    bar = depth_bar(nearest, farthest, missing=not bool(_known(view.real_depth).all()))
    return _pair(view, "Depth", real, rendered, picture_side, under=bar)


def _semantic_pair(view: ViewPictures, picture_side: int) -> str:
    """Return both pictures of classes."""
    palette = _palette_of(view)
    images = [
        None if labels is None else as_bytes(label_colors(labels, palette))
        for labels in (view.real_semantic, view.rendered_semantic)
    ]
    return _pair(view, "Classes", images[0], images[1], picture_side, smooth=False)


def _pair(
    view: ViewPictures,
    title: str,
    real: np.ndarray | None,
    rendered: np.ndarray | None,
    picture_side: int,
    *,
    under: str = "",
    smooth: bool = True,
) -> str:
    """Return the view's own picture and the rendered one, with words; a missing one leaves a gap."""
    figures = []
    for word, image in ((SOURCES[view.source][0], real), ("rendered", rendered)):
        if image is None:
            figures.append(f'<figure><div class="absent">none</div><figcaption>{word}</figcaption></figure>')
            continue
        address = png_data_uri(image, longest_side=picture_side, smooth=smooth)
        height, width = image.shape[:2]
        figures.append(
            f'<figure><img src="{address}" width="{width}" height="{height}" alt="{title}, {word}">'
            f"<figcaption>{word}</figcaption></figure>"
        )
    return f'<div class="pair"><h4>{title}</h4>{"".join(figures)}<div class="under">{under}</div></div>'


def _figures(view: ViewPictures) -> str:
    """Return the view's own PSNR and depth error, beside what guessing the mean gives."""
    # Where a virtual camera sees nothing there is no colour to compare with.
    virtual = view.source == "virtual"
    judged = _known(view.real_depth) if virtual else np.ones(view.real_depth.shape, dtype=bool)
    if not judged.any():
        return "sees nothing"
    figures = measure_view(
        real_color=torch.tensor(view.real_color[judged]),
        rendered_color=torch.tensor(view.rendered_color[judged]),
        real_depth=torch.tensor(view.real_depth[judged]),
        rendered_depth=torch.tensor(view.rendered_depth[judged]),
    )
    parts = [f"PSNR {number(figures.psnr, 'dB')} dB (mean colour {number(figures.psnr_of_mean_color, 'dB')})"]
    if figures.depth_pixels:
        error = number(figures.depth_error / figures.depth_pixels, "m")
        of_mean = number(figures.depth_error_of_mean / figures.depth_pixels, "m")
        parts.append(f"depth error {error} m (mean depth {of_mean} m)")
    return " · ".join(parts)


def _legend(view: ViewPictures) -> str:
    """Return the names of the classes that occur in either picture."""
    given = [labels for labels in (view.real_semantic, view.rendered_semantic) if labels is not None]
    if not given or not view.class_names:
        return ""
    palette = _palette_of(view)
    present = sorted({int(label) for labels in given for label in np.unique(labels) if label >= 0})
    return legend(tuple((view.class_names[index], tuple(palette[index].tolist())) for index in present))


def _palette_of(view: ViewPictures) -> Float[np.ndarray, "classes 3"]:
    """Return the view's palette, or one for as many classes as it names or shows."""
    if view.palette is not None:
        return view.palette
    given = [labels for labels in (view.real_semantic, view.rendered_semantic) if labels is not None]
    shown = max((int(labels.max()) + 1 for labels in given if labels.size), default=0)
    return class_palette(max(len(view.class_names), shown))
