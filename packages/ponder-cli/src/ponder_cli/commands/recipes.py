"""``ponder recipes``: what can be run, and what exactly each would do."""

from typing import Annotated

import typer
from rich.table import Table

from ponder_cli.consoles import results
from ponder_cli.group import PonderGroup

recipes = typer.Typer(cls=PonderGroup, help="List the recipes, or show one in full.")


@recipes.callback(invoke_without_command=True)
def list_all(context: typer.Context) -> None:
    """List the recipes, or show one in full."""
    if context.invoked_subcommand is not None:
        return
    from ponder_tasks.recipes import list_recipes

    table = Table(box=None, pad_edge=False)
    for column in ("recipe", "task", "description"):
        table.add_column(column)
    for info in list_recipes():
        table.add_row(info.name, info.task, info.description)
    results().print(table)


@recipes.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The recipe's name.")],
) -> None:
    """Print one recipe as YAML, with every key that --set can change."""
    from ponder_tasks.overrides import recipe_to_yaml
    from ponder_tasks.recipes import get_recipe

    print(recipe_to_yaml(get_recipe(name)), end="")
