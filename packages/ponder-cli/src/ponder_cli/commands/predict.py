"""``ponder predict``: what a run says of a scan."""

from pathlib import Path
from typing import Annotated

import typer

from ponder_cli.consoles import results
from ponder_cli.options import DEFAULT_RUNS, NamedDevice, OneDevice, Runs
from ponder_cli.runs import find_run

Run = Annotated[str, typer.Argument(metavar="RUN", help="The run's folder, or its name.")]
Scan = Annotated[Path, typer.Argument(metavar="SCAN", help="A coloured point cloud or mesh, e.g. scan.ply.")]
Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="FILE", help="The coloured .ply to write; a .json goes beside it."
    ),
]


def predict(
    run: Run,
    scan: Scan,
    output: Output,
    device: OneDevice = NamedDevice.cpu,
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Find in a scan what a fine-tuned run has learned to find: classes, instances or boxes."""
    from ponder_tasks.prediction.prediction_file import predict_scan

    written = predict_scan(find_run(runs, run), scan, output, device=device.value)
    results().print(
        f"{written.output} and {written.json}: {written.points} points: {written.summary}",
        soft_wrap=True,
        markup=False,
    )
