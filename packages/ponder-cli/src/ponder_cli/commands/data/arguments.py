"""Arguments and options that the commands about data share."""

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="The folder of data; its layout is found by looking.")
]
LabelSet = Annotated[
    str | None,
    typer.Option(
        "--label-set",
        metavar="NAME",
        help="For scans whose labels are raw ids of a known set, e.g. nyu40 or scannet20.",
    ),
]
