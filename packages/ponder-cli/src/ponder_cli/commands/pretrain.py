"""``ponder pretrain``: learn an encoder by rendering; without labels, unless a preset uses some."""

from typing import TYPE_CHECKING

import typer

from ponder_cli.changes import Changes
from ponder_cli.options import (
    DEFAULT_RUNS,
    Assignments,
    Data,
    DeviceChoice,
    Name,
    Preset,
    RecipeFile,
    RecipeName,
    Resume,
    Runs,
    Seed,
    Steps,
)
from ponder_cli.training import TrainingRequest, close

if TYPE_CHECKING:  # ponder_tasks brings torch, which would make `ponder --help` wait
    from ponder_tasks.listener import TrainingEnd, TrainingListener


def pretrain(
    context: typer.Context,
    recipe: RecipeName = None,
    preset: Preset = None,
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
    """Pre-train an encoder by rendering, without labels unless --preset uses some."""
    from ponder_cli.watching import watching

    changes = Changes(
        preset=preset,
        recipe_file=recipe_file,
        assignments=tuple(assignments or ()),
        data=data,
        steps=steps,
        seed=seed,
        device=device,
    )
    command = context.obj.command
    request = TrainingRequest(
        recipe=recipe, changes=changes, name=name, runs=runs, resume=resume, command=command
    )
    with watching() as listener:
        end = _run(request, listener)
    close(end, subcommand="pretrain", next_commands=_next_commands(end))


def _next_commands(end: "TrainingEnd") -> list[str]:
    from ponder_tasks.outdoor.recipe import StreetsPretrainRecipe
    from ponder_tasks.run_folder import RunFolder

    recipe = RunFolder.open(end.run).recipe()
    if isinstance(recipe, StreetsPretrainRecipe):
        finetune = f"ponder finetune streets-semseg --encoder {end.run}"
        return [finetune] if recipe.sensors != "camera" else []
    return [
        f"ponder finetune rooms-semseg --encoder {end.run}",
        f"ponder encode scan.ply -o features.npz --encoder {end.run}",
    ]


def _run(request: TrainingRequest, listener: "TrainingListener") -> "TrainingEnd":
    from ponder_tasks.outdoor.recipe import StreetsPretrainRecipe
    from ponder_tasks.recipe import PretrainRecipe

    recipe, path = request.open(PretrainRecipe, StreetsPretrainRecipe)
    from ponder_tasks.pretrain.task import run_pretraining  # slow to load, so bad input is told first

    return run_pretraining(recipe, path, command=request.command, listener=listener, resume=request.resumes)
