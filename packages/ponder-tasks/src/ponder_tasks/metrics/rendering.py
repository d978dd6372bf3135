"""Rendering figures over held-out views, each beside the guess that needs no model.

- PSNR: ``-10 log10`` of the mean squared error over all pixels and channels of a view (colours in [0, 1]), in
  dB, averaged over views. Its baseline paints each view with its own mean colour.
- Depth error: mean absolute error of z-depth in metres over all pixels that have a true depth. Its baseline
  guesses, for each view, the mean of its true depths.
- Normal error (where given): mean angle in degrees between rendered and true normals over all pixels that
  have a true one.

Both baselines know the answer's mean, which a model does not.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ponder_tasks.listener import Measurement

SMALLEST_SQUARED_ERROR = 1e-10
"""Caps the PSNR of a view at 100 dB, so that one flat view does not make the average infinite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRendering:
    """The figures of one view; errors are sums, so that pixels can be averaged over views.

    Attributes:
        psnr, psnr_of_mean_color: dB, of the rendering and of the view's mean colour.
        depth_error, depth_error_of_mean: sums of absolute errors in metres, of the rendering and of the
            view's mean depth.
        depth_pixels: pixels with a true depth.
        normal_error: sum of angles in degrees.
        normal_pixels: pixels with a true normal.
    """

    psnr: float
    psnr_of_mean_color: float
    depth_error: float
    depth_error_of_mean: float
    depth_pixels: int
    normal_error: float
    normal_pixels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderingMetrics:
    """The figures over all views. Depth is NaN where no view has a true depth, normals likewise.

    Attributes:
        psnr, psnr_of_mean_color: dB, averaged over views.
        depth_error, depth_error_of_mean: metres, averaged over the pixels with truth of all views.
        normal_error: degrees, averaged over the pixels with truth of all views.
        views: how many views were rendered.
    """

    psnr: float
    psnr_of_mean_color: float
    depth_error: float
    depth_error_of_mean: float
    normal_error: float
    views: int

    @property
    def psnr_gain(self) -> float:
        """How many dB the rendering is above painting each view with its mean colour."""
        return self.psnr - self.psnr_of_mean_color

    @property
    def depth_error_ratio(self) -> float:
        """The depth error over that of the mean-depth guess; NaN where that is 0 or depth is unknown."""
        return self.depth_error / self.depth_error_of_mean if self.depth_error_of_mean > 0 else math.nan

    def measurements(self) -> tuple[Measurement, ...]:
        """Return every figure that is defined, with its unit."""
        figures = (
            Measurement(name="psnr", value=self.psnr, unit="dB"),
            Measurement(name="psnr_of_mean_color", value=self.psnr_of_mean_color, unit="dB"),
            Measurement(name="psnr_gain", value=self.psnr_gain, unit="dB"),
            Measurement(name="depth_error", value=self.depth_error, unit="m", better="lower"),
            Measurement(name="depth_error_of_mean", value=self.depth_error_of_mean, unit="m", better="lower"),
            Measurement(name="depth_error_ratio", value=self.depth_error_ratio, better="lower"),
            Measurement(name="normal_error", value=self.normal_error, unit="°", better="lower"),
        )
        return tuple(figure for figure in figures if not math.isnan(figure.value))


class RenderingAccumulator:
    """Collects views one by one."""

    def __init__(self) -> None:
        self._views: list[ViewRendering] = []

    def add(
        self,
        *,
        real_color: Float[Tensor, "*pixels 3"],
        rendered_color: Float[Tensor, "*pixels 3"],
        real_depth: Float[Tensor, "*pixels"],
        rendered_depth: Float[Tensor, "*pixels"],
        real_normal: Float[Tensor, "*pixels 3"] | None = None,
        rendered_normal: Float[Tensor, "*pixels 3"] | None = None,
    ) -> ViewRendering:
        """Add one view and return its own figures; arguments and errors as for ``measure_view``."""
        view = measure_view(
            real_color=real_color,
            rendered_color=rendered_color,
            real_depth=real_depth,
            rendered_depth=rendered_depth,
            real_normal=real_normal,
            rendered_normal=rendered_normal,
        )
        self._views.append(view)
        return view

    def metrics(self) -> RenderingMetrics:
        """Return the figures over all views added so far.

        Raises:
            ValueError: when there is none.
        """
        return rendering_metrics(tuple(self._views))


def measure_view(
    *,
    real_color: Float[Tensor, "*pixels 3"],
    rendered_color: Float[Tensor, "*pixels 3"],
    real_depth: Float[Tensor, "*pixels"],
    rendered_depth: Float[Tensor, "*pixels"],
    real_normal: Float[Tensor, "*pixels 3"] | None = None,
    rendered_normal: Float[Tensor, "*pixels 3"] | None = None,
) -> ViewRendering:
    """Return the figures of one view: an image, or any set of its pixels.

    Args:
        rendered_color, real_color: in [0, 1].
        rendered_depth, real_depth: z-depth in metres; real 0 or not finite means missing.
        rendered_normal, real_normal: in the same frame, of any length; a real one of length 0 or not finite
            is missing, and a rendered one of length 0 counts as 90 degrees off.

    Raises:
        ValueError: when there is no pixel, or a rendered value is not finite.
    """
    if real_depth.numel() == 0:
        raise ValueError("cannot measure a view of 0 pixels; render at least one")
    for name, image in (("colour", rendered_color), ("depth", rendered_depth), ("normal", rendered_normal)):
        broken = 0 if image is None else int((~torch.isfinite(image)).sum())
        if broken:
            raise ValueError(
                f"the rendered {name} has {broken} values that are NaN or infinite; training has diverged"
            )
    depth_error, depth_error_of_mean, depth_pixels = _depth_errors(rendered_depth, real_depth)
    normal_error, normal_pixels = _normal_errors(rendered_normal, real_normal)
    real = real_color.double().reshape(-1, 3)
    return ViewRendering(
        psnr=psnr(rendered_color.double().reshape(-1, 3), real),
        psnr_of_mean_color=psnr(real.mean(dim=0, keepdim=True).expand_as(real), real),
        depth_error=depth_error,
        depth_error_of_mean=depth_error_of_mean,
        depth_pixels=depth_pixels,
        normal_error=normal_error,
        normal_pixels=normal_pixels,
    )


def rendering_metrics(views: tuple[ViewRendering, ...]) -> RenderingMetrics:
    """Return the figures over ``views``: PSNR averaged over views, errors over all their pixels.

    Raises:
        ValueError: when there is no view.
    """
    if not views:
        raise ValueError(
            "no view was rendered, so there is nothing to measure; check the validation scenes' views"
        )
    depth_pixels = sum(view.depth_pixels for view in views)
    normal_pixels = sum(view.normal_pixels for view in views)
    return RenderingMetrics(
        psnr=sum(view.psnr for view in views) / len(views),
        psnr_of_mean_color=sum(view.psnr_of_mean_color for view in views) / len(views),
        depth_error=_mean(sum(view.depth_error for view in views), depth_pixels),
        depth_error_of_mean=_mean(sum(view.depth_error_of_mean for view in views), depth_pixels),
        normal_error=_mean(sum(view.normal_error for view in views), normal_pixels),
        views=len(views),
    )


def psnr(image: Float[Tensor, "*pixels 3"], truth: Float[Tensor, "*pixels 3"]) -> float:
    """Return the peak signal-to-noise ratio in dB of colours in [0, 1], at most 100 dB."""
    squared_error = float((image - truth).square().mean())
    return -10.0 * math.log10(max(squared_error, SMALLEST_SQUARED_ERROR))


def angle_between(
    first: Float[Tensor, "*pixels 3"], second: Float[Tensor, "*pixels 3"]
) -> Float[Tensor, "*pixels"]:
    """Return the angle between vectors in degrees, accurate near 0 and 180; 90 where one has length 0."""
    sine = torch.linalg.vector_norm(torch.linalg.cross(first, second), dim=-1)
    cosine = (first * second).sum(dim=-1)
    angle = torch.rad2deg(torch.atan2(sine, cosine))
    empty = (first == 0).all(dim=-1) | (second == 0).all(dim=-1)
    return torch.where(empty, 90.0, angle)


def _depth_errors(
    rendered: Float[Tensor, "*pixels"], real: Float[Tensor, "*pixels"]
) -> tuple[float, float, int]:
    """Return the summed errors of the rendering and of the mean depth, and how many pixels have truth."""
    known = torch.isfinite(real) & (real > 0)
    if not bool(known.any()):
        return 0.0, 0.0, 0
    truth = real[known].double()
    error = (rendered[known].double() - truth).abs().sum()
    error_of_mean = (truth.mean() - truth).abs().sum()
    return float(error), float(error_of_mean), truth.numel()


def _normal_errors(
    rendered: Float[Tensor, "*pixels 3"] | None, real: Float[Tensor, "*pixels 3"] | None
) -> tuple[float, int]:
    """Return the summed angles in degrees and how many pixels have truth; nothing where either is absent."""
    if rendered is None or real is None:
        return 0.0, 0
    known = torch.isfinite(real).all(dim=-1) & (real != 0).any(dim=-1)
    angles = angle_between(rendered[known].double(), real[known].double())
    return float(angles.sum()), int(known.sum())


def _mean(total: float, pixels: int) -> float:
    """Return NaN where there is no pixel."""
    return total / pixels if pixels else math.nan
