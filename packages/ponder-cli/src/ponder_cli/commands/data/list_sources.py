"""``ponder data list``: what can be read, under which terms, and where to ask for it."""

import dataclasses
import json

from rich.text import Text

from ponder_cli.consoles import results
from ponder_cli.options import AsJson


def list_sources(as_json: AsJson = False) -> None:
    """List what data can be read, its licence, and where to ask for it."""
    from ponder_tasks.data.sources import SOURCES

    if as_json:
        print(json.dumps([dataclasses.asdict(source) for source in SOURCES], indent=2))
        return
    console = results()
    for source in SOURCES:
        console.print(Text.assemble((source.name, "bold"), f": {source.holds}"), soft_wrap=True)
        console.print(Text(f"  licence  {source.licence}"), soft_wrap=True)
        console.print(Text(f"  where    {source.where}"), soft_wrap=True)
