"""Options that several commands share, each written once."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class Device(str, Enum):
    """Where to compute."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class NamedDevice(str, Enum):
    """Where to compute what is done once, so that nothing is worth choosing automatically."""

    cpu = "cpu"
    cuda = "cuda"


RecipeName = Annotated[
    str | None,
    typer.Argument(
        metavar="RECIPE", show_default=False, help="The recipe to follow; 'ponder recipes' lists them."
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        show_default=False,
        help="Which labels are used: label-free, labels-2d (pixels), labels-3d (pixels and points) or released-code.",
    ),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="PATH", help="Folder with the data, for recipes that read some."),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one key of the recipe; may be given again."),
]
RecipeFile = Annotated[
    Path | None,
    typer.Option(
        "--recipe-file", metavar="FILE", help="YAML laid over the recipe, or a whole recipe without RECIPE."
    ),
]
Name = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", help="Name of the run; by default RECIPE-1, RECIPE-2, ..."),
]
Runs = Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder that holds the runs.")]
Resume = Annotated[
    str | None,
    typer.Option(
        "--resume",
        metavar="[RUN]",
        help="Continue RUN, or the newest run of RECIPE, from its last checkpoint.",
    ),
]
Steps = Annotated[int | None, typer.Option("--steps", metavar="N", help="Optimiser steps to take.")]
Seed = Annotated[
    int | None, typer.Option("--seed", metavar="N", help="Seed of everything random in the run.")
]
DeviceChoice = Annotated[Device | None, typer.Option("--device", help="Where to compute; by default auto.")]
OneDevice = Annotated[NamedDevice, typer.Option("--device", help="Where to compute.")]
Condition = Annotated[
    str | None,
    typer.Option(
        "--condition",
        metavar="NAME",
        help="Which dataset's norms to use, of an encoder that has some for each of several (PPT).",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to stdout and nothing else.")]

DEFAULT_RUNS = Path("runs")
