"""Numbers as people read them."""

import math
from collections.abc import Sequence

from ponder_tasks.listener import Measurement

BETTER = {"higher": "↑", "lower": "↓"}

WORTH_TELLING = 0.05
"""Share of a step's time: a run that waits less than this for data would not be faster with more workers."""


def duration(seconds: float) -> str:
    """Return ``m:ss`` or ``h:mm:ss``; ``-:--`` when it is not known."""
    if not math.isfinite(seconds):
        return "-:--"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def rate(per_second: float, noun: str) -> str:
    """Return e.g. ``12.3k points/s``."""
    for limit, suffix in ((1e6, "M"), (1e3, "k")):
        if per_second >= limit:
            return f"{per_second / limit:.3g}{suffix} {noun}/s"
    return f"{per_second:.3g} {noun}/s"


def waiting(share: float) -> str:
    """Return e.g. ``32% waiting for data``; nothing for a share too small to matter."""
    return f"{share:.0%} waiting for data" if share >= WORTH_TELLING else ""


def measured(measurement: Measurement) -> str:
    """Return the value with its unit, e.g. ``21.3 dB``."""
    return f"{measurement.value:.4g} {measurement.unit}".rstrip()


def measured_line(measurements: Sequence[Measurement]) -> str:
    """Return e.g. ``psnr 21.3 dB, depth_error 0.12 m``."""
    return ", ".join(f"{measurement.name} {measured(measurement)}" for measurement in measurements)


def losses_line(total: float, losses: Sequence[tuple[str, float]]) -> str:
    """Return e.g. ``loss 0.532 (colour 0.12, depth 0.4)``."""
    named = ", ".join(f"{name} {value:.3g}" for name, value in losses)
    return f"loss {total:.4g} ({named})" if named else f"loss {total:.4g}"
