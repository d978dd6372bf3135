"""From a plan to its table and its page: what ``ponder bench`` does."""

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ponder_tasks.bench.ablation_scores import AblationResult, read_ablations
from ponder_tasks.bench.page import BenchPage, write_bench_page
from ponder_tasks.bench.pictures import ComparedPictures, compared_pictures
from ponder_tasks.bench.plan import Plan, run_name
from ponder_tasks.bench.rendered import rendered_pictures
from ponder_tasks.bench.running import Listening, note_seconds, run_one_by_one, seconds_of
from ponder_tasks.bench.scores import Result, read_results
from ponder_tasks.bench.side_by_side import SideBySide
from ponder_tasks.bench.table import json_table, markdown_ablation, markdown_table
from ponder_tasks.run_folder import installed_versions, write_atomically
from ponder_tasks.sole_writer import sole_writer


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchEnd:
    """A benchmark that is finished: its results, the files that hold them, and how long its runs took."""

    results: tuple[Result, ...]
    table: Path
    json: Path
    page: Path
    seconds: float
    ablations: tuple[AblationResult, ...] = ()


def run_bench(
    plan: Plan,
    output: Path,
    *,
    command: str,
    listening: Listening,
    tell: Callable[[str], None],
    prepare: Callable[[], object] = tuple,
) -> BenchEnd:
    """Make all runs of ``plan`` in the folder ``output``, and its table and page.

    Args:
        plan: what to run.
        output: a folder, which is made; what is finished there is not done again.
        command: the command line that repeats it.
        listening: makes what watches one run, where they are made one by one.
        tell: takes lines for a person.
        prepare: what a process that makes a run calls first, where several are made at once; picklable.

    Raises:
        BenchStopped: when a signal stopped a run after it had saved.
        ValueError: when ``output`` holds runs of another plan, another benchmark is at work there, or data cannot be
            read.
    """
    output.mkdir(parents=True, exist_ok=True)
    with sole_writer(output), _clocked(output):
        if plan.at_once > 1:
            SideBySide(plan, output, command=command, prepare=prepare, tell=tell).run()
        else:
            run_one_by_one(plan, output, command=command, listening=listening, tell=tell)
    tell("all runs are finished; drawing the page")
    results = read_results(plan, output)
    seconds = seconds_of(output)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}"
    end = BenchEnd(
        results=results,
        ablations=read_ablations(plan, output),
        table=output / "table.md",
        json=output / "results.json",
        page=output / "index.html",
        seconds=seconds,
    )
    tables = [markdown_table(results, plan.seeds)] if results else []
    write_atomically(end.table, "\n".join([*tables, *(markdown_ablation(one) for one in end.ablations)]))
    tree = {
        "bench": plan.suite.name,
        "command": command,
        "notes": list(plan.suite.notes),
        "seeds": plan.seeds,
        "share": plan.share,
        "at_once": plan.at_once,
        "estimated_seconds": round(plan.seconds, 1),
        "measured_seconds": round(seconds, 1),
        "machine": machine,
    }
    write_atomically(end.json, json_table(results, end.ablations, **tree))
    page = _page(plan, output, end, machine=machine, command=command)
    write_bench_page(end.page, page)
    return end


@contextmanager
def _clocked(output: Path) -> Iterator[None]:
    """Add the time that this takes to that of ``output``, also when it is stopped."""
    before, started = seconds_of(output), time.monotonic()
    try:
        yield
    finally:
        note_seconds(output, before + time.monotonic() - started)


def _page(plan: Plan, output: Path, end: BenchEnd, *, machine: str, command: str) -> BenchPage:
    """Return what the page shows: the table, and the pictures of each comparison's first seed."""
    return BenchPage(
        title=plan.suite.title,
        notes=plan.suite.notes,
        results=end.results,
        pictures=tuple(
            ComparedPictures(
                title=comparison.title,
                cloud=compared_pictures(
                    output / run_name(comparison, "scratch", 0),
                    output / run_name(comparison, "pretrained", 0),
                ),
            )
            for comparison in plan.suite.comparisons
        ),
        ablations=end.ablations,
        rendered=rendered_pictures(plan, output),
        seeds=plan.seeds,
        share=plan.share,
        estimated=plan.seconds,
        measured=end.seconds,
        machine=machine,
        command=command,
        versions=installed_versions(),
    )
