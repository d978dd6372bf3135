"""Tables of measurements."""

import math
from collections.abc import Sequence

from ponder_tasks.listener import Measurement
from ponder_tasks.metrics.class_figures import ClassFigures
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


def class_table(classes: ClassFigures) -> Table:
    """Return the figures of every class in percent; a dash where a class has none."""
    table = Table()
    table.add_column("class")
    for column in (classes.counted, *(f"{figure.label} %" for figure in classes.figures)):
        table.add_column(column, justify="right")
    for name, count, values in classes.rows():
        table.add_row(name, str(count), *(_percent(value) for value in values))
    return table


def _percent(fraction: float) -> str:
    return "-" if math.isnan(fraction) else f"{100 * fraction:.1f}"
