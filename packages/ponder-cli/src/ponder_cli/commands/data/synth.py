"""``ponder data synth``: synthetic rooms or streets as a data set on disk."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from ponder_cli.consoles import results
from ponder_cli.scene_progress import scene_progress


class World(str, Enum):
    """What is made."""

    rooms = "rooms"
    streets = "streets"


Kind = Annotated[World, typer.Argument(metavar="rooms|streets", help="What to make.", show_default=False)]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder, new or empty.")]
Scenes = Annotated[
    int, typer.Option("--scenes", metavar="N", min=1, help="Rooms or streets; a fifth is for validation.")
]
Frames = Annotated[
    int | None,
    typer.Option(
        "--frames",
        metavar="N",
        min=1,
        show_default=False,
        help="Pictures of each room (default 24), or keyframes of each street (8; nuScenes has 40).",
    ),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Another seed makes other scenes.")]
ImageWidth = Annotated[
    int | None,
    typer.Option(
        "--image-width",
        metavar="PIXELS",
        min=16,
        show_default=False,
        help="Width of the pictures; by default 320 for rooms and 400 for streets.",
    ),
]


def synth(
    kind: Kind,
    output: Output,
    scenes: Scenes = 20,
    frames: Frames = None,
    seed: Seed = 0,
    image_width: ImageWidth = None,
) -> None:
    """Make rooms or streets and write them as the real data sets are written.

    Rooms: meshes with labels and objects, and RGB-D recordings, as in ScanNet v2's download.

    Streets: a LiDAR and six cameras among traffic, with boxes and labels, as nuScenes v1.0 tables.
    """
    from ponder_tasks.data.synthesizing import synthesize_rooms, synthesize_streets

    make = synthesize_rooms if kind is World.rooms else synthesize_streets
    with scene_progress(f"making {kind.value}") as advanced:
        summary = make(
            output, scenes=scenes, frames=frames, seed=seed, image_width=image_width, advanced=advanced
        )
    lines = [
        f"{output}: {summary.contents}, {summary.bytes / 1e6:,.0f} MB",
        f"{'splits':<11}{summary.splits}",
    ]
    lines += [
        f"{'read with' if number == 0 else '':<11}{line}" for number, line in enumerate(summary.reading)
    ]
    lines.append(f"{'next':<11}ponder data inspect {output}")
    for line in lines:
        results().print(Text(line), soft_wrap=True)
