"""``ponder compare``: runs side by side."""

from typing import Annotated

import typer

from ponder_cli.consoles import results
from ponder_cli.options import DEFAULT_RUNS, AsJson, Runs
from ponder_cli.runs import find_run

SeveralRuns = Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="Two or more runs.")]


def compare(names: SeveralRuns, as_json: AsJson = False, runs: Runs = DEFAULT_RUNS) -> None:
    """Put the measurements of several runs side by side."""
    from ponder_tasks.comparison import compare_runs

    from ponder_cli.comparison_tables import differences_side_by_side, measurements_side_by_side

    comparison = compare_runs([find_run(runs, name) for name in names])
    if as_json:
        print(comparison.as_json())
        return
    console = results()
    console.print(measurements_side_by_side(comparison))
    if comparison.differences:
        console.print(differences_side_by_side(comparison))
    else:
        console.print("the recipes are the same")
