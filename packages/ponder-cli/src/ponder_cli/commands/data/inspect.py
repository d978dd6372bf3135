"""``ponder data inspect``: figures and pictures of a folder."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ponder_cli.commands.data.arguments import Folder, LabelSet
from ponder_cli.consoles import print_note, results
from ponder_cli.scene_progress import scene_progress

Page = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        show_default=False,
        help="The page to write; by default DIR's name and -data.html, here.",
    ),
]
Scenes = Annotated[
    int, typer.Option("--scenes", metavar="N", min=1, help="Read at most N scenes, evenly spread.")
]


def inspect(folder: Folder, page: Page = None, scenes: Scenes = 20, label_set: LabelSet = None) -> None:
    """Count what a folder holds, and write a page with pictures of it."""
    from ponder_tasks.data.inspecting import inspect_folder
    from ponder_tasks.data.page import summary_rows, write_inspection

    page = page or Path(f"{folder.resolve().name}-data.html")
    with scene_progress("reading") as advanced:
        inspection = inspect_folder(folder, most_scenes=scenes, label_set=label_set, advanced=advanced)
    write_inspection(page, inspection)
    summary = inspection.summary
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_row("Layout", inspection.folder.title)
    for name, value in summary_rows(summary):
        table.add_row(name, Text(value))
    results().print(table)
    if summary.read < summary.scenes:
        print_note(f"figures are of {summary.read} of the {summary.scenes} scenes; --scenes N reads more")
    if inspection.faults:
        print_note(f"{len(inspection.faults)} scene(s) cannot be read; 'ponder data check {folder}' says why")
    results().print(Text(f"page       {page}"), soft_wrap=True)
