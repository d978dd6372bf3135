"""Names, figures and durations as a reader wants them."""

import math

from ponder_data.scene import ViewSource

from ponder_tasks.listener import Measurement

LABELS = {
    "psnr": ("PSNR", "of rendered held-out views"),
    "psnr_of_mean_color": ("PSNR of mean colour", "painting each view with its own mean colour"),
    "psnr_gain": ("PSNR gain", "above that mean-colour guess"),
    "depth_error": ("Depth error", "mean absolute error of rendered z-depth"),
    "depth_error_of_mean": ("Depth error of mean depth", "guessing each view's own mean depth"),
    "depth_error_ratio": ("Depth error ratio", "of the rendering over that mean-depth guess"),
    "normal_error": ("Normal error", "mean angle between rendered and real normals"),
    "ap": ("AP", "average precision of instances, the mean over IoU 0.5 to 0.9"),
    "ap50": ("AP50", "average precision at IoU above 0.5"),
    "ap25": ("AP25", "average precision at IoU above 0.25"),
    "ap50_aligned": ("AP50, axis-aligned", "the same between the axis-aligned boxes around boxes"),
    "ap25_aligned": ("AP25, axis-aligned", "the same between the axis-aligned boxes around boxes"),
    "recall25": ("Recall", "true boxes found at IoU above 0.25, the mean over classes"),
    "nds": ("NDS", "nuScenes detection score"),
    "map": ("mAP", "mean average precision over ten classes, of centres within 0.5, 1, 2 and 4 m"),
    "map_present": ("mAP of classes present", "the same, over the classes that occur"),
    "mate": ("Translation error", "of true positives, as the four below"),
    "mase": ("Scale error", "1 - IoU once centre and heading agree"),
    "maoe": ("Orientation error", ""),
    "mave": ("Velocity error", ""),
    "maae": ("Attribute error", "1 - accuracy"),
    "miou": ("Mean IoU", "over the classes that occur"),
    "macc": ("Mean accuracy", "over the classes that occur in the truth"),
    "allacc": ("Overall accuracy", "over all labelled points"),
    "chamfer_l1": ("Chamfer-L1", "mean distance between found and true surface, in sides of the unit cube"),
    "f_score": ("F-score", "of surface points within the recipe's evaluation.threshold"),
    "normal_consistency": ("Normal consistency", "mean absolute cosine between nearest points' normals"),
    "volumetric_iou": ("Volumetric IoU", "of random places in the volume"),
    "empty_shapes": ("Empty shapes", "of which no surface came out"),
}

SOURCES: dict[ViewSource, tuple[str, str]] = {
    "camera": ("real", "Taken by a real camera"),
    "synthetic": ("synthetic", "Generated picture of a synthetic scene"),
    "virtual": ("virtual camera", "Seen by a virtual camera in a real scan"),
}
"""What a view's own pictures are called, and a sentence about where they come from."""


def label_of(name: str) -> str:
    """Return a measurement's or loss's name in words."""
    return LABELS[name][0] if name in LABELS else name.replace("_", " ").replace("/", " / ")


def meaning_of(name: str) -> str:
    """Return what a measurement measures, or nothing where it is not a known one."""
    return LABELS[name][1] if name in LABELS else ""


def figure(measurement: Measurement) -> str:
    """Return the value with its unit, e.g. ``21.34 dB``."""
    text = number(measurement.value, measurement.unit)
    if not measurement.unit:
        return text
    return text + ("" if measurement.unit == "°" else "\N{NO-BREAK SPACE}") + measurement.unit


def number(value: float, unit: str = "") -> str:
    """Return a value with the decimals that its unit deserves, or about four significant digits."""
    if not math.isfinite(value):
        return "not finite"
    decimals = {"dB": 2, "%": 1, "m": 3, "°": 1}.get(unit)
    if decimals is not None:
        return f"{value:.{decimals}f}"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def duration(seconds: float) -> str:
    """Return a duration, e.g. ``3 min 20 s``."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} min {rest} s"
    return f"{seconds:.1f} s"
