"""The page of a benchmark: its table, pictures of every task, and how it was made; one file that needs nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from ponder_tasks.bench.scores import Result
from ponder_tasks.bench.table import HEADINGS, meaning, table_rows
from ponder_tasks.report.cloud_card import cloud_card
from ponder_tasks.report.document import document, header, section, write_fitting
from ponder_tasks.report.pictures import CloudPictures
from ponder_tasks.report.tables import pair_table
from ponder_tasks.report.wording import duration

PICTURES_SAY = (
    "For each task the first scene that it is judged by, which no training has seen, as the runs with the first seed "
    "see it. Each picture shows it from above, from the front and from the right."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchPage:
    """What the page says.

    Attributes:
        title: the headline.
        notes: what a reader should know first.
        results: the table.
        pictures: one of each result.
        seeds: how often each run was repeated.
        share: of the recipes' steps.
        estimated, measured: seconds of all runs.
        machine: on what it was measured.
        command: that repeats it.
        versions: names and versions of what it depends on.
    """

    title: str
    notes: tuple[str, ...]
    results: tuple[Result, ...]
    pictures: tuple[CloudPictures, ...]
    seeds: int
    share: float
    estimated: float
    measured: float
    machine: str
    command: str
    versions: tuple[tuple[str, str], ...]


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
        f"<h3>{escape(result.title)}</h3>{cloud_card(cloud, 2 * picture_side)}"
        for result, cloud in zip(page.results, page.pictures, strict=True)
    ]
    body = [
        header(page.title, "", facts, list(page.notes)),
        section("Results", _table(page.results), meaning(page.seeds)),
        section("Prediction against truth", "".join(cards), PICTURES_SAY),
        section("How to repeat it", _provenance(page)),
    ]
    return document(page.title, "".join(body))


def _table(results: Sequence[Result]) -> str:
    headings = "".join(f"<th>{escape(heading[:1].upper() + heading[1:])}</th>" for heading in HEADINGS)
    rows = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f'<td class="figure">{escape(cell)}</td>' for cell in row[1:])
        + "</tr>"
        for row in table_rows(results)
    )
    return f'<table class="bench"><thead><tr>{headings}</tr></thead><tbody>{rows}</tbody></table>'


def _provenance(page: BenchPage) -> str:
    return (
        f'<pre class="command">{escape(page.command)}</pre>'
        f"<details><summary>Versions</summary>{pair_table(page.versions)}</details>"
    )
