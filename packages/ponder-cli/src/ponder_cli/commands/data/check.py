"""``ponder data check``: what is wrong with a folder, file by file."""

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from ponder_cli.commands.data.arguments import Folder, LabelSet
from ponder_cli.consoles import results
from ponder_cli.options import AsJson
from ponder_cli.scene_progress import scene_progress

if TYPE_CHECKING:  # ponder_tasks brings torch, which would make `ponder --help` wait
    from ponder_tasks.data.checking import CheckReport

FOUND_ERRORS = 1
SHOWN_PER_CHECK = 5
STYLES = {"error": "bold red", "warning": "yellow"}

Scenes = Annotated[
    int | None,
    typer.Option(
        "--scenes",
        metavar="N",
        min=1,
        show_default=False,
        help="Read at most N scenes, evenly spread; by default all.",
    ),
]


def check(folder: Folder, as_json: AsJson = False, scenes: Scenes = None, label_set: LabelSet = None) -> None:
    """Look for what spoils training: broken files, wrong poses, units and labels, one place in two splits.

    Exits with 1 where there are errors, and with 0 where there are none, or only warnings.
    """
    from ponder_tasks.data.checking import check_folder, report_as_dict

    with scene_progress("checking") as advanced:
        report = check_folder(folder, most_scenes=scenes, label_set=label_set, advanced=advanced)
    if as_json:
        print(json.dumps(report_as_dict(report), indent=2))
    else:
        _print_report(report)
    if report.errors:
        raise typer.Exit(FOUND_ERRORS)


def _print_report(report: "CheckReport") -> None:
    """Print the findings by what was looked for, at most five of each."""
    from ponder_tasks.data.checking import CHECKS

    console = results()
    for name, words in CHECKS.items():
        findings = [finding for finding in report.findings if finding.check == name]
        if not findings:
            continue
        console.print(Text(f"{words} ({len(findings)})", style="bold"), soft_wrap=True)
        for finding in findings[:SHOWN_PER_CHECK]:
            where = finding.shown_file(report.path)
            line = Text.assemble(
                "  ", (finding.severity, STYLES[finding.severity]), f"  {where}: {finding.message}"
            )
            console.print(line, soft_wrap=True)
        if len(findings) > SHOWN_PER_CHECK:
            rest = len(findings) - SHOWN_PER_CHECK
            console.print(Text(f"  and {rest} more; --json lists all"), soft_wrap=True)
    warnings = len(report.findings) - report.errors
    counted = f"{_counted(report.errors, 'error')}, {_counted(warnings, 'warning')}"
    verdict = counted if report.findings else "nothing is wrong"
    read = (
        f"{report.examined}" if report.examined == report.scenes else f"{report.examined} of {report.scenes}"
    )
    console.print(Text(f"{report.path} ({report.layout}): {read} scenes examined, {verdict}"), soft_wrap=True)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
