"""The tables of the page: measurements, classes, and names with values."""

import math
from collections.abc import Sequence
from html import escape

from ponder_tasks.listener import Measurement
from ponder_tasks.metrics.segmentation import SegmentationMetrics
from ponder_tasks.report.wording import figure, label_of, meaning_of


def measurement_table(measurements: Sequence[Measurement]) -> str:
    """Return one row per measurement: name, meaning, value with unit, and which direction is good."""
    rows = []
    for measurement in measurements:
        meaning = meaning_of(measurement.name)
        explained = f'<span class="quiet">{escape(meaning)}</span>' if meaning else ""
        arrow = "↑" if measurement.better == "higher" else "↓"
        rows.append(
            f'<tr><th scope="row">{escape(label_of(measurement.name))}{explained}</th>'
            f'<td class="figure">{escape(figure(measurement))}</td>'
            f'<td class="quiet better">{arrow} {escape(measurement.better)}</td></tr>'
        )
    return (
        '<table class="measurements"><thead class="unseen"><tr><th>Measurement</th><th>Value</th>'
        f"<th>Better</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def class_table(metrics: SegmentationMetrics) -> str:
    """Return one row per class: IoU with a bar, accuracy, and the number of labelled points."""
    rows = []
    per_class = zip(
        metrics.class_names, metrics.iou_per_class, metrics.accuracy_per_class, metrics.counts, strict=True
    )
    for name, iou, accuracy, count in per_class:
        bar = "" if math.isnan(iou) else f'<span class="amount"><i style="width:{100 * iou:.1f}%"></i></span>'
        rows.append(
            f'<tr><th scope="row">{escape(name)}</th><td>{bar}</td><td class="figure">{_percent(iou)}</td>'
            f'<td class="figure">{_percent(accuracy)}</td><td class="figure quiet">{count:,}</td></tr>'
        )
    return (
        '<table class="classes"><thead><tr><th>Class</th><td></td><th>IoU %</th><th>Accuracy %</th>'
        f"<th>Points</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def pair_table(pairs: Sequence[tuple[str, str]]) -> str:
    """Return names beside values."""
    rows = [f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in pairs]
    return f'<table class="facts"><tbody>{"".join(rows)}</tbody></table>'


def _percent(value: float) -> str:
    """Return a fraction in percent, or a dash where it is not defined."""
    return "–" if math.isnan(value) else f"{100 * value:.1f}"
