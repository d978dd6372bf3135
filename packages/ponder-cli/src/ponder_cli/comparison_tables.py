"""Runs side by side, as tables."""

from ponder_tasks.comparison import ComparedMeasurement, ComparedRun, Comparison
from rich.table import Table
from rich.text import Text

from ponder_cli.formatting import BETTER, duration


def measurements_side_by_side(comparison: Comparison) -> Table:
    """Return a column per run and a row per measurement; the best value is bold and has a star."""
    table = _column_per_run("measured", comparison.runs)
    table.add_row("recipe", *(run.recipe for run in comparison.runs))
    table.add_row("steps", *(_steps(run) for run in comparison.runs))
    table.add_row("time", *(_time(run) for run in comparison.runs), end_section=True)
    for measurement in comparison.measurements:
        label = f"{measurement.name} {measurement.unit} {BETTER.get(measurement.better, '')}"
        cells = (_value(measurement, index) for index in range(len(comparison.runs)))
        table.add_row(" ".join(label.split()), *cells)
    return table


def differences_side_by_side(comparison: Comparison) -> Table:
    """Return a column per run and a row per recipe key that is not the same in all."""
    table = _column_per_run("recipe key", comparison.runs)
    for difference in comparison.differences:
        table.add_row(difference.key, *(Text(value or "-") for value in difference.values))
    return table


def _column_per_run(first: str, runs: tuple[ComparedRun, ...]) -> Table:
    table = Table()
    table.add_column(first)
    for run in runs:
        table.add_column(Text(run.name), justify="right")
    return table


def _steps(run: ComparedRun) -> str:
    return str(run.steps) if run.finished else f"{run.steps} so far"


def _time(run: ComparedRun) -> str:
    return "-" if run.seconds is None else duration(run.seconds)


def _value(measurement: ComparedMeasurement, index: int) -> Text:
    value = measurement.values[index]
    if value is None:
        return Text("-")
    if measurement.winner == index:
        return Text(f"{value:.4g} *", style="bold")
    return Text(f"{value:.4g}  ")
