"""``ponder finetune``: learn semantic segmentation on top of an encoder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    from ponder_tasks.recipe import SegmentRecipe

SCRATCH = "scratch"

Encoder = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        metavar="scratch|RUN|FILE",
        help="Where the encoder comes from: untrained, a run, or a checkpoint file.",
        show_default=False,
    ),
]
Probe = Annotated[
    bool,
    typer.Option("--probe", help="Keep the encoder frozen and train only the linear head (a linear probe)."),
]


def finetune(
    context: typer.Context,
    recipe: RecipeName = None,
    encoder: Encoder = None,
    probe: Probe = False,
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
    """Train semantic segmentation on an encoder: pre-trained, from scratch, or frozen."""
    from ponder_tasks.recipe import SegmentRecipe
    from ponder_tasks.run_folder import RunFolder
    from ponder_tasks.segment.task import run_finetuning

    changes = Changes(
        recipe_file=recipe_file,
        assignments=tuple(assignments or ()),
        data=data,
        steps=steps,
        seed=seed,
        device=device,
    )
    if resume is not None:
        if encoder is not None or probe:
            raise ValueError("--resume continues a run with its own encoder; leave --encoder and --probe out")
        path = resumed_run(resume, recipe, runs, name, changes)
        chosen = of_kind(RunFolder.open(path).recipe(), SegmentRecipe)
    else:
        chosen = _starting_from(chosen_recipe(recipe, SegmentRecipe, changes), encoder, probe, runs)
        path = new_run(runs, name, chosen.name)

    def train(listener: "TrainingListener") -> "TrainingEnd":
        return run_finetuning(
            chosen, path, command=context.obj.command, listener=listener, resume=resume is not None
        )

    carry_out(train, path, subcommand="finetune", next_commands=[f"ponder eval {path} --json"])


def _starting_from(recipe: "SegmentRecipe", encoder: str | None, probe: bool, runs: Path) -> "SegmentRecipe":
    from ponder_tasks.encoder_source import with_encoder

    if encoder is None:
        raise ValueError("no encoder given; choose --encoder scratch, --encoder RUN or --encoder FILE")
    source = encoder if encoder == SCRATCH else encoder_path(encoder, runs)
    chosen = with_encoder(recipe, source)
    return chosen.model_copy(update={"freeze_encoder": True}) if probe else chosen


def encoder_path(encoder: str, runs: Path) -> str:
    """Return ``encoder`` as a path; the plain name of a run stands for its folder in ``runs``."""
    return str(runs / encoder) if not Path(encoder).exists() and (runs / encoder).is_dir() else encoder
