"""``ponder reconstruct``: the surface of a scan as a mesh."""

from pathlib import Path
from typing import Annotated

import typer

from ponder_cli.commands.finetune import encoder_path
from ponder_cli.consoles import results
from ponder_cli.options import DEFAULT_RUNS, Condition, NamedDevice, OneDevice, Runs

Scan = Annotated[
    Path,
    typer.Argument(metavar="SCAN", help="A point cloud or mesh file, or a folder of posed RGB-D frames."),
]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help="The .ply, .obj or .glb file to write.")
]
Run = Annotated[
    str,
    typer.Option(
        "--encoder",
        metavar="RUN|FILE",
        help="A run of pre-training or of reconstruction, or a checkpoint file.",
    ),
]
Resolution = Annotated[
    int, typer.Option("--resolution", metavar="N", help="Steps of the mesh along the scan's longest side.")
]
Trim = Annotated[
    float,
    typer.Option(
        "--trim",
        metavar="METRES",
        help="Cut away surfaces farther than this from every point; 0 keeps them all.",
    ),
]


def reconstruct(
    scan: Scan,
    output: Output,
    encoder: Run,
    resolution: Resolution = 256,
    trim: Trim = 0.2,
    condition: Condition = None,
    device: OneDevice = NamedDevice.cpu,
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Write the surface of a scan as a mesh, from what a run has learned."""
    from ponder_tasks.reconstruct.mesh_file import reconstruct_scan

    written = reconstruct_scan(
        scan,
        Path(encoder_path(encoder, runs)),
        output,
        resolution=resolution,
        trim=trim if trim != 0 else None,
        condition=condition,
        device=device.value,
    )
    size = " x ".join(f"{side:.2f}" for side in written.size)
    cut = f", {100 * written.trimmed:.0f} % of it trimmed" if trim else ""
    results().print(
        f"{written.output}: {written.vertices} vertices, {written.triangles} triangles, {size} m{cut}, "
        f"from {written.points} points in {written.seconds:.1f} s, by {written.recipe}",
        soft_wrap=True,
        markup=False,
    )
