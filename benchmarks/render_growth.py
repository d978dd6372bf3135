"""How time and memory of a training step grow with rays, samples and channels, as a picture."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.ticker import FormatStrFormatter, LogLocator
from measuring import median_times, peak_of, run_apart
from ponder_render import SamplerConfig
from render_problem import SIZES, Size

MakeStep = Callable[[Size, str], Callable[[], object]]

COLORS = {"textbook": "#b3412e", "ours": "#1f6f8b", "skipping": "#5a8f3c"}
"""Of the variants that are drawn."""

BASE = replace(
    SIZES["indoor"],
    rays=256,
    shape=(64, 64, 32),
    channels=64,
    sampler=SamplerConfig(uniform=48, importance=16),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One quantity that grows while the others stay as in ``BASE``."""

    label: str
    values: tuple[int, ...]
    at: Callable[[int], Size]


def _samples(count: int) -> Size:
    return replace(BASE, sampler=SamplerConfig(uniform=3 * count // 4, importance=count // 4))


AXES = (
    Axis(label="rays", values=(128, 256, 512, 1024), at=lambda rays: replace(BASE, rays=rays)),
    Axis(label="samples per ray", values=(32, 64, 128, 256), at=_samples),
    Axis(label="channels", values=(32, 64, 128), at=lambda channels: replace(BASE, channels=channels)),
)


def growth_peaks(make_step: MakeStep, variant: str) -> str:
    """GB that each step of each axis adds at most, as JSON; the steps follow each other in this process."""
    make_step(AXES[0].at(AXES[0].values[0]), variant)()  # what is set up once does not count
    return json.dumps(
        [[peak_of(make_step(axis.at(value), variant)) for value in axis.values] for axis in AXES]
    )


def draw_growth(path: Path, make_step: MakeStep, rounds: int, threads: int) -> None:
    """Measure every axis and draw two rows of curves: time above, memory below; the numbers go beside it as JSON."""
    peaks = {
        variant: json.loads(run_apart("--growth-peaks", variant, "--threads", str(threads)))
        for variant in COLORS
    }
    numbers: dict[str, Any] = {}
    for column, axis in enumerate(AXES):
        steps = [
            median_times({variant: make_step(axis.at(value), variant) for variant in COLORS}, rounds)
            for value in axis.values
        ]
        numbers[axis.label] = {
            "values": axis.values,
            "seconds": {variant: [step[variant] for step in steps] for variant in COLORS},
            "peak_gb": {variant: peaks[variant][column] for variant in COLORS},
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(json.dumps(numbers, indent=2) + "\n")
    draw_curves(path, numbers)


def draw_curves(path: Path, numbers: dict[str, Any]) -> None:
    """Draw what was measured: one column per quantity that grows, the same scale along each row."""
    figure, panels = plt.subplots(2, len(numbers), figsize=(10, 5.5), layout="constrained", sharey="row")
    for column, (label, measured) in enumerate(numbers.items()):
        for panel, curves in zip(panels[:, column], (measured["seconds"], measured["peak_gb"]), strict=True):
            for variant, color in COLORS.items():
                panel.plot(measured["values"], curves[variant], "o-", color=color, label=variant)
            panel.set(xscale="log", yscale="log", xlabel=label)
            panel.set_xticks(measured["values"], measured["values"])
            panel.minorticks_off()
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panel.yaxis.set_major_formatter(FormatStrFormatter("%g"))
            panel.grid(alpha=0.3)
    panels[0, 0].set_ylabel("seconds per step")
    panels[1, 0].set_ylabel("peak memory, GB")
    panels[0, -1].legend(loc="upper left")
    figure.savefig(path, dpi=90)
    plt.close(figure)
