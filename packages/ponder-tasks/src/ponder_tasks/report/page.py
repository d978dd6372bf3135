"""The report: everything the page of a run says, and writing that page."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from pathlib import Path

from ponder_tasks.listener import Measurement
from ponder_tasks.metrics.class_figures import ClassFigures
from ponder_tasks.report.cloud_card import cloud_card
from ponder_tasks.report.curves import Curve, chart, training_curves, validation_curves
from ponder_tasks.report.history import History
from ponder_tasks.report.pictures import CloudPictures, ViewPictures
from ponder_tasks.report.tables import class_table, measurement_table, pair_table
from ponder_tasks.report.view_card import view_card
from ponder_tasks.report.wording import duration
from ponder_tasks.run_folder import write_atomically

LARGEST_PAGE = 5_000_000
"""Bytes; pictures are made smaller until the page fits."""

PICTURE_SIDES = (480, 320, 240, 160, 96)
"""Longest side of a view's picture in pixels, tried in this order."""

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
    pages = (render_page(report, history, side) for side in PICTURE_SIDES)
    page = next((page for page in pages if len(page.encode("utf-8")) <= LARGEST_PAGE), None)
    if page is None:
        raise ValueError(
            f"the report is larger than {LARGEST_PAGE / 1e6:.0f} MB even with its smallest pictures; "
            f"show fewer than {len(report.views)} views and {len(report.clouds)} clouds"
        )
    write_atomically(path, page)


def render_page(report: Report, history: History, picture_side: int) -> str:
    """Return the page, with view pictures of at most ``picture_side`` pixels."""
    sections = [
        _section("Measurements", measurement_table(report.measurements) if report.measurements else ""),
        _section(
            "Held-out views",
            "".join(view_card(view, picture_side) for view in report.views),
            VIRTUAL_VIEWS_SAY if any(view.source == "virtual" for view in report.views) else VIEWS_SAY,
        ),
        _section("Scenes", "".join(cloud_card(cloud, 2 * picture_side) for cloud in report.clouds)),
        _section("Classes", class_table(report.per_class) if report.per_class else "", CLASSES_SAY),
        _section("Validation", _charts(validation_curves(history, report.measurements))),
        _section("Training", _charts(training_curves(history)), TRAINING_SAYS),
        _section("How to repeat it", _provenance(report)),
    ]
    style = resources.files("ponder_tasks.report").joinpath("style.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<link rel="icon" href="data:,"><title>{escape(report.title)}</title><style>{style}</style></head>\n'
        f"<body><main>{_header(report, history)}{''.join(sections)}</main></body></html>\n"
    )


def _section(title: str, content: str, words: str = "") -> str:
    """Return a section, or nothing where there is no content."""
    said = f'<p class="quiet">{escape(words)}</p>' if words else ""
    return f"<section><h2>{escape(title)}</h2>{said}{content}</section>\n" if content else ""


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
    subtitle = f'<p class="subtitle">{escape(report.subtitle)}</p>' if report.subtitle else ""
    listed = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    said = "".join(f'<p class="note">{escape(note)}</p>' for note in notes)
    return (
        f'<header><h1>{escape(report.title)}</h1>{subtitle}<dl class="about">{listed}</dl>{said}</header>\n'
    )


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
