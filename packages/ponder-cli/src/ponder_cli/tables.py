"""Tables of measurements."""

import math
from collections.abc import Sequence

from ponder_tasks.listener import Measurement
from ponder_tasks.metrics.segmentation import SegmentationMetrics
from rich.table import Table

from ponder_cli.formatting import BETTER


def measurement_table(measurements: Sequence[Measurement]) -> Table:
    """Return a table of named figures with their units; an arrow says which way is better."""
    table = Table()
    table.add_column("measured")
    table.add_column("value", justify="right")
    table.add_column("unit")
    table.add_column("better", justify="center")
    for measurement in measurements:
        arrow = BETTER.get(measurement.better, "")
        table.add_row(measurement.name, f"{measurement.value:.4g}", measurement.unit, arrow)
    return table


def class_table(metrics: SegmentationMetrics) -> Table:
    """Return IoU and accuracy of every class in percent; a dash where a class has none."""
    table = Table()
    table.add_column("class")
    for column in ("points", "IoU %", "accuracy %"):
        table.add_column(column, justify="right")
    rows = zip(
        metrics.class_names, metrics.counts, metrics.iou_per_class, metrics.accuracy_per_class, strict=True
    )
    for name, points, iou, accuracy in rows:
        table.add_row(name, str(points), _percent(iou), _percent(accuracy))
    return table


def _percent(fraction: float) -> str:
    return "-" if math.isnan(fraction) else f"{100 * fraction:.1f}"
