"""The tables of the page: measurements, classes, and names with values."""

import math
from collections.abc import Sequence
from html import escape

from ponder_tasks.listener import Measurement
from ponder_tasks.metrics.class_figures import ClassFigures
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


def class_table(classes: ClassFigures) -> str:
    """Return one row per class: its figures, the first with a bar, and how much of it the truth has."""
    rows = []
    for name, count, values in classes.rows():
        bar = "" if math.isnan(values[0]) else f'<i style="width:{100 * values[0]:.1f}%"></i>'
        amount = f'<span class="amount">{bar}</span>' if bar else ""
        figures = "".join(f'<td class="figure">{_percent(value)}</td>' for value in values)
        rows.append(
            f'<tr><th scope="row">{escape(name)}</th><td>{amount}</td>{figures}'
            f'<td class="figure quiet">{count:,}</td></tr>'
        )
    headings = [f"{_capital(figure.label)} %" for figure in classes.figures] + [_capital(classes.counted)]
    columns = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    return (
        f'<table class="classes"><thead><tr><th>Class</th><td></td>{columns}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def pair_table(pairs: Sequence[tuple[str, str]]) -> str:
    """Return names beside values."""
    rows = [f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in pairs]
    return f'<table class="facts"><tbody>{"".join(rows)}</tbody></table>'


def _capital(text: str) -> str:
    """Return the text with its first letter as a capital, and the others as they are."""
    return text[:1].upper() + text[1:]


def _percent(value: float) -> str:
    """Return a fraction in percent, or a dash where it is not defined."""
    return "–" if math.isnan(value) else f"{100 * value:.1f}"
