"""``ponder import``: a released PonderV2 file as an encoder of ours."""

from pathlib import Path
from typing import Annotated

import typer

from ponder_cli.consoles import results

Source = Annotated[Path, typer.Argument(metavar="FILE", help="A released PonderV2 checkpoint (.pth).")]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The run folder to make.")]
GridSize = Annotated[
    float, typer.Option("--grid-size", metavar="METRES", help="Cells that the model was trained with.")
]


def import_weights(
    context: typer.Context, source: Source, output: Output, grid_size: GridSize = 0.02
) -> None:
    """Make a run folder of a released PonderV2 checkpoint, without unpickling it."""
    from ponder_tasks.published_import import import_published

    imported = import_published(source, output, grid_size=grid_size, command=context.obj.command)
    lines = [
        f"{imported.run}: encoder of {imported.source.name}, {imported.parameters / 1e6:.2f}M parameters, "
        f"{imported.channels} features, cells of {imported.grid_size} m"
    ]
    chosen = ""
    if imported.conditions:
        lines.append(f"conditions {', '.join(imported.conditions)}")
        chosen = f" --condition {imported.conditions[0]}"
    lines += [
        f"next       ponder encode scan.ply -o features.npz --encoder {imported.run}{chosen}",
        f"           ponder finetune rooms-semseg --encoder {imported.run}{chosen}",
    ]
    for line in lines:
        results().print(line, soft_wrap=True, markup=False)
