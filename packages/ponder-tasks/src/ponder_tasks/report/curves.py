"""Curves of a run as small inline SVG charts, which take their colours from the page (light and dark)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from jaxtyping import Float
from matplotlib.ticker import LogLocator, MaxNLocator

from ponder_tasks.listener import Measurement
from ponder_tasks.report.history import History
from ponder_tasks.report.wording import label_of, number

WIDTH, HEIGHT = 360.0, 190.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 12.0, 8.0, 24.0
LARGEST_POLYLINE = 600
SMOOTHING = 25
"""A noisy curve is averaged over this fraction of its length."""

LOG_RATIO = 12.0
"""A noisy curve whose averages span more than this ratio is drawn on a logarithmic scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One named series over steps; ``smooth`` where the raw values are noisy."""

    name: str
    steps: Float[np.ndarray, " records"]
    values: Float[np.ndarray, " records"]
    smooth: bool
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Maps values to pixels, linearly or by their logarithm."""

    lowest: float
    highest: float
    start: float
    end: float
    logarithmic: bool = False

    def pixel(self, values: Float[np.ndarray, " values"]) -> Float[np.ndarray, " values"]:
        """Return the pixel of each value; values outside of the axis are put on its end."""
        inside = np.clip(values, self.lowest, self.highest)
        lowest, highest = self.lowest, self.highest
        if self.logarithmic:
            inside, lowest, highest = np.log(inside), math.log(lowest), math.log(highest)
        return self.start + (inside - lowest) / (highest - lowest) * (self.end - self.start)

    def ticks(self, count: int) -> list[float]:
        """Return about ``count`` round values within the axis."""
        if self.logarithmic:
            decades = math.log10(self.highest / self.lowest)
            subs = (1.0,) if decades > 3 else (1.0, 3.0) if decades > 1.5 else (1.0, 2.0, 5.0)
            candidates = LogLocator(subs=subs, numticks=12).tick_values(self.lowest, self.highest)
        else:
            candidates = MaxNLocator(nbins=count + 1, steps=[1, 2, 5, 10]).tick_values(
                self.lowest, self.highest
            )
        inside = [float(tick) for tick in candidates if self.lowest <= tick <= self.highest]
        return inside[:: max(1, math.ceil(len(inside) / (count + 1)))]


def training_curves(history: History) -> tuple[Curve, ...]:
    """Return the weighted total, every loss (unweighted), and the learning rate, over steps."""
    records = history.train
    if len(records) < 2:
        return ()
    series = [("total", {record.step: record.total for record in records}, True)]
    by_step = {record.step: dict(record.losses) for record in records}
    for name in history.loss_names():
        series.append(
            (name, {step: losses[name] for step, losses in by_step.items() if name in losses}, True)
        )
    series.append(("learning_rate", {record.step: record.learning_rate for record in records}, False))
    return tuple(_curve(name, values, smooth=smooth) for name, values, smooth in series)


def validation_curves(history: History, measurements: Sequence[Measurement]) -> tuple[Curve, ...]:
    """Return every measurement taken at least twice; units come from the closing ``measurements``."""
    units = {measurement.name: measurement.unit for measurement in measurements}
    curves = []
    for name in history.measurement_names():
        values = {record.step: dict(record.measurements).get(name, math.nan) for record in history.validation}
        curves.append(_curve(name, values, smooth=False, unit=units.get(name, "")))
    return tuple(curve for curve in curves if len(curve.steps) > 1)


def smoothed(values: Float[np.ndarray, " records"], window: int) -> Float[np.ndarray, " records"]:
    """Return the mean over ``window`` records around each one, or those there are; it does not lag."""
    reach = max(window, 1) // 2
    place = np.arange(len(values))
    start, end = np.maximum(place - reach, 0), np.minimum(place + reach + 1, len(values))
    summed = np.concatenate([[0.0], np.cumsum(values)])
    return (summed[end] - summed[start]) / (end - start)


def chart(curve: Curve) -> str:
    """Return one chart as a ``figure`` element: the smoothed line over the faint raw one."""
    line = smoothed(curve.values, len(curve.values) // SMOOTHING) if curve.smooth else curve.values
    across = Axis(lowest=float(curve.steps[0]), highest=float(curve.steps[-1]), start=LEFT, end=WIDTH - RIGHT)
    up = _value_axis(curve, line)
    shapes = [_grid(across, up)]
    if curve.smooth:
        shapes.append(_polyline(curve.steps, curve.values, across, up, "raw"))
    shapes.append(_polyline(curve.steps, line, across, up, "line"))
    if not curve.smooth and len(line) <= 60:
        shapes += [
            f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="2.4"/>'
            for x, y in zip(across.pixel(curve.steps), up.pixel(line), strict=True)
        ]
    last = number(float(line[-1]), curve.unit) + (f" {curve.unit}" if curve.unit else "")
    label = f"{label_of(curve.name)} over steps, now {last}"
    scale = ' <span class="quiet">log scale</span>' if up.logarithmic else ""
    return (
        f'<figure class="chart"><figcaption><span>{escape(label_of(curve.name))}{scale}</span>'
        f'<span class="figure">{escape(last)}</span></figcaption>'
        f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{escape(label)}">'
        f"{''.join(shapes)}</svg></figure>"
    )


def _curve(name: str, values: dict[int, float], *, smooth: bool, unit: str = "") -> Curve:
    """Return a curve of the finite values."""
    finite = [(step, value) for step, value in values.items() if math.isfinite(value)]
    return Curve(
        name=name,
        steps=np.array([step for step, _ in finite], dtype=np.float64),
        values=np.array([value for _, value in finite], dtype=np.float64),
        smooth=smooth,
        unit=unit,
    )


def _value_axis(curve: Curve, line: Float[np.ndarray, " records"]) -> Axis:
    """Return the vertical axis: it holds the whole line, and the raw values but for the wildest."""
    low, high = np.percentile(curve.values, [0.5, 99.5])
    lowest, highest = min(float(low), float(line.min())), max(float(high), float(line.max()))
    logarithmic = curve.smooth and lowest > 0 and float(line.max()) > LOG_RATIO * float(line.min())
    if highest - lowest <= 1e-12 * max(abs(highest), 1e-12):
        room = 0.5 * abs(highest) or 0.5
        lowest, highest = lowest - room, highest + room
    elif not logarithmic:
        room = 0.05 * (highest - lowest)
        lowest, highest = (0.0 if 0 <= lowest < 4 * room else lowest - room), highest + room
    return Axis(lowest=lowest, highest=highest, start=HEIGHT - BOTTOM, end=TOP, logarithmic=logarithmic)


def _grid(across: Axis, up: Axis) -> str:
    """Return grid lines and the numbers on both axes."""
    parts = []
    for tick in up.ticks(4):
        y = float(up.pixel(np.array([tick]))[0])
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_tick(LEFT - 6, y + 3.5, "end", tick))
    for tick in across.ticks(5):
        x = float(across.pixel(np.array([tick]))[0])
        parts.append(_tick(x, HEIGHT - 7, "middle", tick))
    return "".join(parts)


def _polyline(
    steps: Float[np.ndarray, " records"],
    values: Float[np.ndarray, " records"],
    across: Axis,
    up: Axis,
    kind: str,
) -> str:
    """Return a line; a long one keeps the lowest and highest value of each of 300 stretches."""
    if len(values) > LARGEST_POLYLINE:
        stretches = np.array_split(np.arange(len(values)), LARGEST_POLYLINE // 2)
        picked = [sorted((s[values[s].argmin()], s[values[s].argmax()])) for s in stretches]
        index = np.unique(np.array(picked).ravel())
        steps, values = steps[index], values[index]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across.pixel(steps), up.pixel(values), strict=True))
    return f'<polyline class="{kind}" points="{points}"/>'


def _tick(x: float, y: float, anchor: str, value: float) -> str:
    """Return the number beside a tick."""
    return f'<text class="tick" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{_tick_number(value)}</text>'


def _tick_number(value: float) -> str:
    """Return a tick's value in few characters, e.g. ``20k`` or ``5e-4``."""
    if abs(value) >= 10_000:
        return f"{value / 1000:g}k"
    if 0 < abs(value) < 0.001:
        mantissa, exponent = f"{value:.0e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    return f"{value:.3g}"
