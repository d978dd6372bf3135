"""``ponder doctor``: what this machine offers, and what is missing."""

import dataclasses
import json

from rich.table import Table
from rich.text import Text

from ponder_cli.consoles import results
from ponder_cli.options import AsJson

STYLES = {"ok": "green", "warning": "yellow", "missing": "dim"}


def doctor(as_json: AsJson = False) -> None:
    """Show what this machine offers and what is missing."""
    from ponder_tasks.doctor import examine

    findings = examine()
    if as_json:
        print(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("", "found", "detail", "advice"):
        table.add_column(column)
    for finding in findings:
        state = Text(finding.state, style=STYLES[finding.state])
        table.add_row(state, finding.name, Text(finding.detail), Text(finding.advice))
    results().print(table)
