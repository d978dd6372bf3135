"""``ponder bench``: what pre-training is worth, as one table and one page."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text
from typer.core import TyperCommand

from ponder_cli.consoles import print_note, results
from ponder_cli.errors import INTERRUPTED
from ponder_cli.group import PonderGroup
from ponder_cli.memory import prepare_memory

if TYPE_CHECKING:  # ponder_tasks brings torch, which would make `ponder --help` wait
    from ponder_tasks.bench.suite import Suite

MINUTES = {"cpu": 60.0}
"""Budgets with a name: ``cpu`` is an hour of two CPU cores."""

Budget = Annotated[
    str,
    typer.Option(
        "--budget",
        metavar="cpu|MINUTES",
        help="How long it may take on quiet cores: cpu is 60 minutes. It sets steps and seeds.",
    ),
]
AtOnce = Annotated[
    int,
    typer.Option(
        "--at-once",
        metavar="N",
        help="Runs at work at once, each with one thread on a core of its own; 1: one by one, all threads or a GPU.",
    ),
]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the runs, the table and the page.")
]
Seeds = Annotated[
    int | None,
    typer.Option(
        "--seeds", metavar="N", help="Runs of each kind; by default 3, or fewer if the time is short."
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="TASK",
        help="segmentation, instances, detection or reconstruction; may be given again.",
    ),
]
Scans = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="FOLDER",
        help="Labelled real scans scene0000_00 to scene0005_01; without: rooms only.",
    ),
]
OnlyOutdoor = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="TASK", help="detection, segmentation or ablations; may be given again."),
]
Drives = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="FOLDER",
        help="nuScenes (v1.0-mini or v1.0-trainval), to pre-train on one real keyframe too and show it.",
    ),
]


class BenchCommand(TyperCommand):
    """A command that is given Typer's own context, which knows how the program was called."""

    context_class = typer.Context


bench = typer.Typer(cls=PonderGroup, help="Compare training from scratch with pre-training, on every task.")


@bench.command(cls=BenchCommand)
def indoor(
    context: typer.Context,
    budget: Budget = "cpu",
    output: Output = Path("runs/bench-indoor"),
    seeds: Seeds = None,
    only: Only = None,
    at_once: AtOnce = 2,
    data: Scans = None,
) -> None:
    """Rooms and real scans: segmentation, instances, detection and reconstruction. What is finished is not repeated."""
    from ponder_tasks.bench.indoor import indoor_suite

    request = BenchRequest(budget=budget, output=output, seeds=seeds, only=only, at_once=at_once, data=data)
    _run(context, indoor_suite, request)


@bench.command(cls=BenchCommand)
def outdoor(
    context: typer.Context,
    budget: Budget = "cpu",
    output: Output = Path("runs/bench-outdoor"),
    seeds: Seeds = None,
    only: OnlyOutdoor = None,
    at_once: AtOnce = 2,
    data: Drives = None,
) -> None:
    """Synthetic streets: detection by LiDAR, cameras and both, segmentation, ablations. Finished runs stay."""
    from ponder_tasks.bench.outdoor import outdoor_suite

    request = BenchRequest(budget=budget, output=output, seeds=seeds, only=only, at_once=at_once, data=data)
    _run(context, outdoor_suite, request)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchRequest:
    """What was typed after the name of a benchmark."""

    budget: str
    output: Path
    seeds: int | None
    only: list[str] | None
    at_once: int
    data: Path | None


def _run(context: typer.Context, make_suite: "Callable[[Path | None], Suite]", request: BenchRequest) -> None:
    """Plan a benchmark, run it, and print its tables and where its files are."""
    seconds = 60.0 * minutes_of(request.budget)
    from ponder_tasks.bench.bench import run_bench
    from ponder_tasks.bench.plan import make_plan
    from ponder_tasks.bench.running import BenchStopped
    from ponder_tasks.report.wording import duration

    from ponder_cli.watching import watching

    suite = make_suite(request.data).only(request.only or ())
    plan = make_plan(suite, budget=seconds, seeds=request.seeds, at_once=request.at_once)
    for note in plan.suite.notes:
        print_note(note)
    print_note(
        f"{len(plan.runs)} runs ({plan.seeds} seed{'s' if plan.seeds > 1 else ''}, {plan.share:.0%} of the recipes' "
        f"steps), {plan.at_once} at once: about {duration(plan.seconds)} where each has a core"
    )
    try:
        end = run_bench(
            plan,
            request.output,
            command=context.obj.command,
            listening=watching,
            tell=print_note,
            prepare=prepare_memory,
        )
    except (BenchStopped, KeyboardInterrupt) as stop:
        print_note(f"interrupted: {stop}; the same command goes on from here".replace(": ;", ";"))
        raise typer.Exit(INTERRUPTED) from stop
    results().print(Text(end.table.read_text(encoding="utf-8")), soft_wrap=True)
    took = f"{duration(end.seconds)}, estimated {duration(plan.seconds)}"
    for label, words in (("took", took), ("page", end.page), ("table", end.table), ("json", end.json)):
        results().print(Text(f"{label:<11}{words}"), soft_wrap=True)


def minutes_of(budget: str) -> float:
    """Return the minutes of a budget.

    Raises:
        ValueError: when it is neither a name nor a positive number.
    """
    if budget in MINUTES:
        return MINUTES[budget]
    try:
        minutes = float(budget)
    except ValueError:
        minutes = 0.0
    if not 0.0 < minutes < float("inf"):
        raise ValueError(f"--budget {budget}: give cpu, or minutes as a number above 0")
    return minutes


@bench.callback(invoke_without_command=True)
def describe(context: typer.Context) -> None:
    """Compare training from scratch with pre-training, on every task."""
    if context.invoked_subcommand is None:
        print(context.get_help())
