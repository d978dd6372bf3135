"""The report: everything the page of a run says, and writing that page."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from ponder_tasks.listener import Measurement
from ponder_tasks.metrics.class_figures import ClassFigures
from ponder_tasks.report.cloud_card import cloud_card
from ponder_tasks.report.curves import Curve, chart, training_curves, validation_curves
from ponder_tasks.report.document import document, header, section, write_fitting
from ponder_tasks.report.history import History
from ponder_tasks.report.pictures import CloudPictures, ViewPictures
from ponder_tasks.report.tables import class_table, measurement_table, pair_table
from ponder_tasks.report.view_card import view_card
from ponder_tasks.report.wording import duration

VIEWS_SAY = (
    "Pictures from poses that neither training nor the encoder's input has seen. "
    "Both depths share one colour scale."
)
VIRTUAL_VIEWS_SAY = (
    "The pictures compared with are no photographs: virtual cameras drew them from the scan's own points, "
    "at poses that training has not rendered. Figures count only pixels that see a point. "
    "Both depths share one colour scale."
)
CLASSES_SAY = "A dash marks a class that does not occur."
TRAINING_SAYS = (
    "Smoothed over the faint raw values. The total is weighted; each loss is shown before its weight."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is said about a run.

    Attributes:
        title, subtitle: the headline, and a sentence under it.
        task, run_name: what was trained, and the name of the run folder.
        command: the exact command line that repeats the run.
        created: when the run was started, as text.
        seconds: how long it took.
        versions: names and versions of what the result depends on.
        recipe_yaml: the complete recipe.
        measurements: the closing figures.
        notes: sentences a reader should see first, such as a warning.
        views, clouds: pictures.
        per_class: the table of classes, where the task has some.
    """

    title: str
    subtitle: str
    task: str
    run_name: str
    command: str
    created: str
    seconds: float
    versions: tuple[tuple[str, str], ...]
    recipe_yaml: str
    measurements: tuple[Measurement, ...]
    notes: tuple[str, ...] = ()
    views: tuple[ViewPictures, ...] = ()
    clouds: tuple[CloudPictures, ...] = ()
    per_class: ClassFigures | None = None


def write_report(path: Path, report: Report, history: History) -> None:
    """Write the page to ``path``: one file that needs nothing else, at most 5 MB, whole or not at all.

    Raises:
        ValueError: when the page does not fit even with the smallest pictures.
    """
    write_fitting(
        path,
        lambda side: render_page(report, history, side),
        f"show fewer than {len(report.views)} views and {len(report.clouds)} clouds",
    )


def render_page(report: Report, history: History, picture_side: int) -> str:
    """Return the page, with view pictures of at most ``picture_side`` pixels."""
    sections = [
        section("Measurements", measurement_table(report.measurements) if report.measurements else ""),
        section(
            "Held-out views",
            "".join(view_card(view, picture_side) for view in report.views),
            VIRTUAL_VIEWS_SAY if any(view.source == "virtual" for view in report.views) else VIEWS_SAY,
        ),
        section("Scenes", "".join(cloud_card(cloud, 2 * picture_side) for cloud in report.clouds)),
        section("Classes", class_table(report.per_class) if report.per_class else "", CLASSES_SAY),
        section("Validation", _charts(validation_curves(history, report.measurements))),
        section("Training", _charts(training_curves(history)), TRAINING_SAYS),
        section("How to repeat it", _provenance(report)),
    ]
    return document(report.title, f"{_header(report, history)}{''.join(sections)}")


def _header(report: Report, history: History) -> str:
    """Return the headline, the facts of the run, and the notes."""
    facts = [("Task", report.task), ("Run", report.run_name), ("Started", report.created)]
    facts.append(("Took", duration(report.seconds)))
    if history.train:
        facts.append(("Steps", f"{history.train[-1].step:,}"))
    notes = list(report.notes)
    if history.unreadable_lines:
        notes.append(
            f"{history.unreadable_lines} line(s) of metrics.jsonl could not be read and are left out."
        )
    return header(report.title, report.subtitle, facts, notes)


def _charts(curves: Sequence[Curve]) -> str:
    """Return the charts of all curves that have at least two points."""
    drawn = "".join(chart(curve) for curve in curves if len(curve.steps) > 1)
    return f'<div class="charts">{drawn}</div>' if drawn else ""


def _provenance(report: Report) -> str:
    """Return the command, the versions and the recipe."""
    return (
        f'<pre class="command">{escape(report.command)}</pre>'
        f"<details><summary>Versions</summary>{pair_table(report.versions)}</details>"
        f"<details><summary>Recipe</summary><pre>{escape(report.recipe_yaml)}</pre></details>"
    )
