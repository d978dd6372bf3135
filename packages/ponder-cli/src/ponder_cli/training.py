"""What ``pretrain`` and ``finetune`` share: which run to start or continue, and how to close it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from ponder_cli.changes import Changes, chosen_recipe, of_kind
from ponder_cli.consoles import print_note, results
from ponder_cli.errors import INTERRUPTED
from ponder_cli.runs import LATEST, find_run, latest_run, new_run

if TYPE_CHECKING:  # ponder_tasks brings torch, which would make `ponder --help` wait
    from ponder_tasks.listener import TrainingEnd
    from ponder_tasks.outdoor.recipe import StreetsPretrainRecipe
    from ponder_tasks.recipe import FinetuneRecipe, PretrainRecipe

    RecipeKind = TypeVar("RecipeKind", bound=PretrainRecipe | StreetsPretrainRecipe | FinetuneRecipe)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRequest:
    """What was asked for on the command line."""

    recipe: str | None
    changes: Changes
    name: str | None
    runs: Path
    resume: str | None
    command: str

    @property
    def resumes(self) -> bool:
        """Whether a run is to be continued."""
        return self.resume is not None

    def open(self, *kinds: "type[RecipeKind]") -> "tuple[RecipeKind, Path]":
        """Return the recipe to follow, of one of ``kinds``, and the run's folder, which exists only when it is resumed.

        Raises:
            ValueError: when there is no such recipe or run, or the options do not fit.
        """
        from ponder_tasks.run_folder import RunFolder

        if self.resume is not None:
            path = self._resumed(self.resume)
            return of_kind(RunFolder.open(path).recipe(), kinds), path
        recipe = chosen_recipe(self.recipe, kinds, self.changes)
        return recipe, new_run(self.runs, self.name, recipe.name)

    def _resumed(self, resume: str) -> Path:
        options = ", ".join(self.changes.options())
        if options:
            raise ValueError(
                f"--resume continues a run with its own recipe and takes no {options}; "
                "leave that out, or start a new run"
            )
        if resume != LATEST:
            return find_run(self.runs, resume)
        if self.name is not None:
            return find_run(self.runs, self.name)
        if self.recipe is None:
            raise ValueError(
                "--resume needs a run, e.g. --resume runs/rooms-1, or the recipe whose newest run it is"
            )
        return latest_run(self.runs, self.recipe)


def close(end: "TrainingEnd", *, subcommand: str, next_commands: Sequence[str]) -> None:
    """Print the closing table of a run; of several processes that trained together, the first alone does.

    Raises:
        typer.Exit: with code 130 when a signal stopped the run after it had saved.
    """
    from ponder_tasks.checkpoint import latest_checkpoint
    from ponder_tasks.run_folder import RunFolder

    from ponder_cli.closing import interruption, print_closing

    if end.rank != 0:
        return  # with exit code 0: after any other, the first process would be killed while it is still at it
    if end.interrupted:
        print_note(interruption(end, subcommand))
        raise typer.Exit(INTERRUPTED)
    checkpoint = latest_checkpoint(RunFolder.open(end.run).checkpoints)
    print_closing(results(), end, checkpoint=checkpoint, next_commands=next_commands)
