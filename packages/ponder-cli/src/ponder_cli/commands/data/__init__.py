"""``ponder data``: what can be read, what a folder holds, its faults, a fast copy of it, and synthetic data."""

import typer

from ponder_cli.commands.data.check import check
from ponder_cli.commands.data.inspect import inspect
from ponder_cli.commands.data.list_sources import list_sources
from ponder_cli.commands.data.prepare import prepare
from ponder_cli.commands.data.synth import synth
from ponder_cli.group import PonderGroup

data = typer.Typer(cls=PonderGroup, help="Look into data, check it, and prepare it for training.")
data.command("list")(list_sources)
data.command()(inspect)
data.command()(check)
data.command()(prepare)
data.command()(synth)


@data.callback(invoke_without_command=True)
def describe(context: typer.Context) -> None:
    """Look into data, check it, and prepare it for training."""
    if context.invoked_subcommand is None:
        print(context.get_help())
