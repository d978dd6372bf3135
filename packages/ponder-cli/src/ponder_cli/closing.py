"""What a finished run says: its figures, where they lie, and what to try next."""

from collections.abc import Sequence
from pathlib import Path

from ponder_tasks.listener import TrainingEnd
from rich.console import Console
from rich.text import Text

from ponder_cli.formatting import duration
from ponder_cli.tables import measurement_table


def print_closing(
    console: Console, end: TrainingEnd, *, checkpoint: Path, next_commands: Sequence[str]
) -> None:
    """Print the closing table of a run, the paths of what it left, and commands to go on with."""
    title = f"{end.run}: {end.step} steps in {duration(end.seconds)}"
    console.print(Text(title, style="bold"), soft_wrap=True)
    console.print(measurement_table(end.measurements))
    lines = [("report", str(end.report) if end.report else "none"), ("checkpoint", str(checkpoint))]
    for label, path in lines:
        console.print(Text(f"{label:<11}{path}"), soft_wrap=True)
    for position, command in enumerate(next_commands):
        console.print(Text(f"{'next' if position == 0 else '':<11}{command}"), soft_wrap=True)


def interruption(end: TrainingEnd, command: str) -> str:
    """Return the line for a run that a signal stopped after it had saved."""
    return f"interrupted: saved after step {end.step}; continue with: ponder {command} --resume {end.run}"
