"""``ponder finetune``: learn a task on top of an encoder."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from ponder_cli.changes import Changes
from ponder_cli.options import (
    DEFAULT_RUNS,
    Assignments,
    Condition,
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
from ponder_cli.training import TrainingRequest, close

if TYPE_CHECKING:  # ponder_tasks brings torch, which would make `ponder --help` wait
    from ponder_tasks.listener import TrainingEnd, TrainingListener
    from ponder_tasks.recipe import FinetuneRecipe

    RecipeKind = TypeVar("RecipeKind", bound=FinetuneRecipe)

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
    condition: Condition = None,
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
    """Train a task on an encoder: pre-trained, from scratch, or frozen."""
    from ponder_cli.watching import watching

    changes = Changes(
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
        end = _run(request, EncoderChoice(source=encoder, condition=condition, probe=probe), listener)
    close(end, subcommand="finetune", next_commands=[f"ponder eval {end.run}"])


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderChoice:
    """What was asked for of the encoder: where it comes from, whose norms it takes, and whether it stays frozen."""

    source: str | None
    condition: str | None
    probe: bool

    def starting(self, recipe: "RecipeKind", runs: Path) -> "RecipeKind":
        """Return ``recipe`` starting from this encoder.

        Raises:
            ValueError: when no encoder was given, or it cannot be read or has other conditions.
        """
        from ponder_tasks.encoder_source import with_encoder

        if self.source is None:
            raise ValueError("no encoder given; choose --encoder scratch, --encoder RUN or --encoder FILE")
        source = self.source if self.source == SCRATCH else encoder_path(self.source, runs)
        chosen = with_encoder(recipe, source, self.condition)
        return chosen.model_copy(update={"freeze_encoder": True}) if self.probe else chosen


def _run(request: TrainingRequest, encoder: EncoderChoice, listener: "TrainingListener") -> "TrainingEnd":
    from ponder_tasks.recipe import FinetuneRecipe

    if request.resumes and encoder != EncoderChoice(source=None, condition=None, probe=False):
        raise ValueError(
            "--resume continues a run with its own encoder; leave --encoder, --condition and --probe out"
        )
    recipe, path = request.open(FinetuneRecipe)
    if not request.resumes:
        recipe = encoder.starting(recipe, request.runs)
    from ponder_tasks.finetuning import run_finetuning  # slow to load, so bad input is told first

    return run_finetuning(recipe, path, command=request.command, listener=listener, resume=request.resumes)


def encoder_path(encoder: str, runs: Path) -> str:
    """Return ``encoder`` as a path; the plain name of a run stands for its folder in ``runs``."""
    return str(runs / encoder) if not Path(encoder).exists() and (runs / encoder).is_dir() else encoder
