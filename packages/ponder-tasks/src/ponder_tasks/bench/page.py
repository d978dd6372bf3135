"""The page of a benchmark: its table, pictures of every task, and how it was made; one file that needs nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from ponder_tasks.bench.ablation_scores import AblationResult
from ponder_tasks.bench.pictures import ComparedPictures
from ponder_tasks.bench.rendered import RenderedPictures
from ponder_tasks.bench.scores import Result
from ponder_tasks.bench.table import (
    HEADINGS,
    SINGLE_RUNS,
    ablation_headings,
    ablation_rows,
    meaning,
    table_rows,
)
from ponder_tasks.report.cloud_card import cloud_card
from ponder_tasks.report.document import document, header, section, write_fitting
from ponder_tasks.report.tables import pair_table
from ponder_tasks.report.view_card import view_card
from ponder_tasks.report.wording import duration

PICTURES_SAY = (
    "For each task the first scene that it is judged by, which no training has seen, as the runs with the first seed "
    "see it. Each picture shows it from above, from the front and from the right."
)

RENDERED_SAY = (
    "What a camera took, and beside it what the pre-trained model with the first seed renders from the same pose, "
    "colour and depth; both depths share one colour scale."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchPage:
    """What the page says.

    Attributes:
        title: the headline.
        notes: what a reader should know first.
        results: the table.
        pictures: of each comparison.
        ablations: more tables.
        rendered: pictures that pre-trained models render.
        seeds: how often each run was repeated.
        share: of the recipes' steps.
        estimated, measured: seconds from the first run's beginning to the last one's end.
        machine: on what it was measured.
        command: that repeats it.
        versions: names and versions of what it depends on.
    """

    title: str
    notes: tuple[str, ...]
    results: tuple[Result, ...]
    pictures: tuple[ComparedPictures, ...]
    seeds: int
    share: float
    estimated: float
    measured: float
    machine: str
    command: str
    versions: tuple[tuple[str, str], ...]
    ablations: tuple[AblationResult, ...] = ()
    rendered: tuple[RenderedPictures, ...] = ()


def write_bench_page(path: Path, page: BenchPage) -> None:
    """Write the page to ``path``: at most 5 MB, whole or not at all.

    Raises:
        ValueError: when it does not fit even with the smallest pictures.
    """
    write_fitting(path, lambda side: render_bench_page(page, side), "compare fewer tasks with --only")


def render_bench_page(page: BenchPage, picture_side: int) -> str:
    """Return the page, with pictures of at most twice ``picture_side`` pixels."""
    facts = [
        ("Seeds", str(page.seeds)),
        ("Steps", f"{page.share:.0%} of the recipes'"),
        ("Estimated", duration(page.estimated)),
        ("Took", duration(page.measured)),
        ("On", page.machine),
    ]
    cards = [
        f"<h3>{escape(one.title)}</h3>{cloud_card(one.cloud, 2 * picture_side)}" for one in page.pictures
    ]
    rendered = [
        f"<h3>{escape(one.title)}</h3>{''.join(view_card(view, picture_side) for view in one.views)}"
        for one in page.rendered
    ]
    body = [
        header(page.title, "", facts, list(page.notes)),
        section("Results", _results(page.results), meaning(page.seeds)),
        section("Ablations", "".join(_ablation(one) for one in page.ablations), SINGLE_RUNS),
        section("What pre-training renders", "".join(rendered), RENDERED_SAY),
        section("Prediction against truth", "".join(cards), PICTURES_SAY),
        section("How to repeat it", _provenance(page)),
    ]
    return document(page.title, "".join(body))


def _results(results: Sequence[Result]) -> str:
    return _table(HEADINGS, table_rows(results)) if results else ""


def _ablation(result: AblationResult) -> str:
    task = f'<p class="quiet">{escape(result.task)}</p>'
    return f"{task}{_table(ablation_headings(result), ablation_rows(result))}"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(heading[:1].upper() + heading[1:])}</th>" for heading in headings)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f'<td class="figure">{escape(cell)}</td>' for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return f'<table class="bench"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _provenance(page: BenchPage) -> str:
    return (
        f'<pre class="command">{escape(page.command)}</pre>'
        f"<details><summary>Versions</summary>{pair_table(page.versions)}</details>"
    )
