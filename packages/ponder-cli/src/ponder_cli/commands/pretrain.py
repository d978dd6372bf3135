"""``ponder pretrain``: learn an encoder by rendering, without labels."""

from typing import TYPE_CHECKING

import typer

from ponder_cli.changes import Changes, chosen_recipe, of_kind
from ponder_cli.options import (
    DEFAULT_RUNS,
    Assignments,
    Data,
    DeviceChoice,
    Name,
    RecipeFile,
    RecipeName,
    Resume,
    Runs,
    Seed,
    Steps,
)
from ponder_cli.runs import new_run
from ponder_cli.training import carry_out, resumed_run

if TYPE_CHECKING:  # ponder_tasks brings torch, which would make `ponder --help` wait
    from ponder_tasks.listener import TrainingEnd, TrainingListener


def pretrain(
    context: typer.Context,
    recipe: RecipeName = None,
    data: Data = None,
    assignments: Assignments = None,
    recipe_file: RecipeFile = None,
    name: Name = None,
    runs: Runs = DEFAULT_RUNS,
    resume: Resume = None,
    steps: Steps = None,
    device: DeviceChoice = None,
    seed: Seed = None,
) -> None:
    """Pre-train an encoder by rendering, without labels."""
    from ponder_tasks.pretrain.task import run_pretraining
    from ponder_tasks.recipe import PretrainRecipe
    from ponder_tasks.run_folder import RunFolder

    changes = Changes(
        recipe_file=recipe_file,
        assignments=tuple(assignments or ()),
        data=data,
        steps=steps,
        seed=seed,
        device=device,
    )
    if resume is not None:
        path = resumed_run(resume, recipe, runs, name, changes)
        chosen = of_kind(RunFolder.open(path).recipe(), PretrainRecipe)
    else:
        chosen = chosen_recipe(recipe, PretrainRecipe, changes)
        path = new_run(runs, name, chosen.name)

    def train(listener: "TrainingListener") -> "TrainingEnd":
        return run_pretraining(
            chosen, path, command=context.obj.command, listener=listener, resume=resume is not None
        )

    next_commands = [
        f"ponder finetune rooms-semseg --encoder {path}",
        f"ponder encode scan.ply -o features.npz --encoder {path}",
    ]
    carry_out(train, path, subcommand="pretrain", next_commands=next_commands)
