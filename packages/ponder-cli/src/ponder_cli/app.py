"""The program ``ponder``: all commands, gathered."""

from importlib import metadata
from typing import Annotated

import typer

from ponder_cli.commands.bench import bench
from ponder_cli.commands.compare import compare
from ponder_cli.commands.data import data
from ponder_cli.commands.doctor import doctor
from ponder_cli.commands.encode import encode
from ponder_cli.commands.evaluate import evaluate
from ponder_cli.commands.finetune import finetune
from ponder_cli.commands.import_weights import import_weights
from ponder_cli.commands.predict import predict
from ponder_cli.commands.pretrain import pretrain
from ponder_cli.commands.recipes import recipes
from ponder_cli.commands.reconstruct import reconstruct
from ponder_cli.group import DEBUG, PonderGroup
from ponder_cli.memory import prepare_memory
from ponder_cli.resumable import ResumableCommand

EXAMPLE = """\
[bold]For example, on any computer:[/bold]

ponder pretrain rooms                     [dim]# look at runs/rooms-1/report.html[/dim]

ponder finetune rooms-semseg --encoder runs/rooms-1

ponder eval runs/rooms-semseg-1

ponder encode scan.ply -o features.npz --encoder runs/rooms-1

ponder reconstruct scan.ply -o mesh.ply --encoder runs/rooms-1
"""

app = typer.Typer(
    cls=PonderGroup,
    epilog=EXAMPLE,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command(cls=ResumableCommand)(pretrain)
app.command(cls=ResumableCommand)(finetune)
app.command("eval")(evaluate)
app.command()(predict)
app.command()(encode)
app.command()(reconstruct)
app.command("import")(import_weights)
app.command()(compare)
app.add_typer(bench, name="bench")
app.add_typer(recipes, name="recipes")
app.add_typer(data, name="data")
app.command()(doctor)


@app.callback(invoke_without_command=True)
def ponder(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
    debug: Annotated[bool, typer.Option(DEBUG, help="Show the traceback of an error.")] = False,
) -> None:
    """Pre-train 3D encoders by rendering, then fine-tune, evaluate and use them."""
    if version:
        print(f"ponder {metadata.version('ponder-cli')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


def main() -> None:
    """Run the program."""
    prepare_memory()
    app()
