"""What ``pretrain`` and ``finetune`` share: open or continue a run, watch it, close it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ponder_cli.changes import Changes
from ponder_cli.consoles import print_note, results
from ponder_cli.errors import INTERRUPTED
from ponder_cli.runs import LATEST, find_run, latest_run

if TYPE_CHECKING:  # ponder_tasks brings torch, which would make `ponder --help` wait
    from ponder_tasks.listener import TrainingEnd, TrainingListener


def resumed_run(resume: str, recipe: str | None, runs: Path, name: str | None, changes: Changes) -> Path:
    """Return the run to continue.

    Raises:
        ValueError: when there is none, or options ask for another recipe than the run's own.
    """
    if changes.options():
        raise ValueError(
            f"--resume continues a run with its own recipe and takes no {', '.join(changes.options())}; "
            "leave that out, or start a new run"
        )
    if resume != LATEST:
        return find_run(runs, resume)
    if name is not None:
        return find_run(runs, name)
    if recipe is None:
        raise ValueError(
            "--resume needs a run, e.g. --resume runs/rooms-1, or a recipe whose newest run is meant"
        )
    return latest_run(runs, recipe)


def carry_out(
    train: "Callable[[TrainingListener], TrainingEnd]",
    path: Path,
    *,
    subcommand: str,
    next_commands: Sequence[str],
) -> None:
    """Train under a progress bar, then print the closing table.

    Raises:
        typer.Exit: with code 130 when a signal stopped the run after it had saved.
    """
    from ponder_tasks.checkpoint import latest_checkpoint
    from ponder_tasks.run_folder import RunFolder

    from ponder_cli.closing import interruption, print_closing
    from ponder_cli.watching import watching

    with watching() as listener:
        end = train(listener)
    if end.interrupted:
        print_note(interruption(end, subcommand))
        raise typer.Exit(INTERRUPTED)
    checkpoint = latest_checkpoint(RunFolder.open(path).checkpoints)
    print_closing(results(), end, checkpoint=checkpoint, next_commands=next_commands)
