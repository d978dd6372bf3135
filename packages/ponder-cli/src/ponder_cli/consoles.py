"""Where output goes: results to stdout, so that they can be piped; progress and errors to stderr."""

from rich.console import Console
from rich.text import Text


def results() -> Console:
    """Return the console of results."""
    return Console(highlight=False)


def progress() -> Console:
    """Return the console of progress and errors."""
    return Console(stderr=True, highlight=False)


def print_error(line: str) -> None:
    """Print ``error: line`` to stderr, on one line however narrow the terminal is."""
    progress().print(Text.assemble(("error: ", "bold red"), line), soft_wrap=True)


def print_note(line: str) -> None:
    """Print a line for a person to stderr."""
    progress().print(Text(line), soft_wrap=True)
