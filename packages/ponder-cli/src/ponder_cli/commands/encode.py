"""``ponder encode``: per-point features of a scan."""

from pathlib import Path
from typing import Annotated

import typer

from ponder_cli.commands.finetune import encoder_path
from ponder_cli.consoles import results
from ponder_cli.options import DEFAULT_RUNS, Condition, NamedDevice, OneDevice, Runs

Scan = Annotated[Path, typer.Argument(metavar="SCAN", help="A coloured point cloud or mesh, e.g. scan.ply.")]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The .npz file to write.")]
Encoder = Annotated[str, typer.Option("--encoder", metavar="RUN|FILE", help="A run, or a checkpoint file.")]


def encode(
    scan: Scan,
    output: Output,
    encoder: Encoder,
    condition: Condition = None,
    device: OneDevice = NamedDevice.cpu,
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Write per-point features of any coloured scan."""
    from ponder_tasks.encoding import encode_scan

    source = Path(encoder_path(encoder, runs))
    encoding = encode_scan(scan, source, output, condition=condition, device=device.value)
    results().print(
        f"{encoding.output}: {encoding.points} points x {encoding.channels} features "
        f"({encoding.cells} cells of {encoding.grid_size} m), by {encoding.encoder}",
        soft_wrap=True,
        markup=False,
    )
