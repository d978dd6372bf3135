"""``ponder eval``: measure a run again, or the runs of several folds together."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from ponder_cli.consoles import results
from ponder_cli.options import DEFAULT_RUNS, AsJson, Data, NamedDevice, OneDevice, Runs
from ponder_cli.runs import find_run

if TYPE_CHECKING:  # ponder_tasks brings torch, which would make `ponder --help` wait
    from ponder_tasks.evaluation import Evaluation
    from ponder_tasks.folds import FoldsEvaluation

EvaluatedRuns = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN...",
        help="The run's folder, or its name; several: the folds of a cross-validation, measured together.",
    ),
]
Vote = Annotated[
    bool,
    typer.Option(
        "--vote",
        help="Segmentation: look at every point of a scene turned, scaled and mirrored, and average.",
    ),
]


class ExportFormat(str, Enum):
    """Benchmarks that predictions can be written for."""

    scannet = "scannet"
    nuscenes_lidarseg = "nuscenes-lidarseg"
    nuscenes = "nuscenes"


Export = Annotated[
    ExportFormat | None,
    typer.Option(
        "--export",
        help="Also write the files this benchmark takes, to --out: scannet for segmentation, nuscenes for streets.",
    ),
]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="DIR", help="A new folder for the files of --export.")
]


def evaluate(
    evaluated: EvaluatedRuns,
    as_json: AsJson = False,
    data: Data = None,
    vote: Vote = False,
    export: Export = None,
    out: Out = None,
    device: OneDevice = NamedDevice.cpu,
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Measure a run, or several folds together, on held-out scenes."""
    if (export is None) != (out is None):
        raise ValueError("--export and --out go together: --export says which files, --out where to")
    from ponder_tasks.evaluation import EvaluationOptions, evaluate_run
    from ponder_tasks.folds import evaluate_folds
    from ponder_tasks.segment.voting import VotingConfig

    options = EvaluationOptions(
        data=data,
        voting=VotingConfig() if vote else None,
        scannet_export=out if export is ExportFormat.scannet else None,
        lidarseg_export=out if export is ExportFormat.nuscenes_lidarseg else None,
        nuscenes_export=out if export is ExportFormat.nuscenes else None,
    )
    paths = [find_run(runs, run) for run in evaluated]
    if len(paths) > 1:
        evaluation = evaluate_folds(paths, options, device=device.value)
    else:
        evaluation = evaluate_run(paths[0], options, device=device.value)
    if as_json:
        print(evaluation.as_json())
        return
    _print(evaluation)
    if out:
        results().print(f"predictions {out}", soft_wrap=True)


def _print(evaluation: "Evaluation | FoldsEvaluation") -> None:
    """Print what was measured, and of folds the headline of each before that."""
    from ponder_tasks.folds import FoldsEvaluation

    from ponder_cli.formatting import measured_line
    from ponder_cli.tables import class_table, measurement_table

    console = results()
    if isinstance(evaluation, FoldsEvaluation):
        for fold in evaluation.folds:
            line = f"{fold.run}, {fold.checkpoint}, {fold.scenes} validation scenes: {measured_line(fold.measurements)}"
            console.print(Text(line), soft_wrap=True)
        title = f"all {len(evaluation.folds)} runs together, {evaluation.scenes} validation scenes"
    else:
        title = f"{evaluation.run}, {evaluation.checkpoint}, {evaluation.scenes} validation scenes"
    console.print(Text(title, style="bold"), soft_wrap=True)
    if evaluation.measurements:
        console.print(measurement_table(evaluation.measurements))
    else:
        console.print("no scene is labelled, so there is nothing to measure")
    if evaluation.per_class:
        console.print(class_table(evaluation.per_class))
