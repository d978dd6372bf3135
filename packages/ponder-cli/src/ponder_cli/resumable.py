"""``--resume`` with or without a run after it."""

from itertools import zip_longest
from typing import Any

import typer
from typer.core import TyperCommand

from ponder_cli.runs import LATEST

RESUME = "--resume"


class ResumableCommand(TyperCommand):
    """A command whose ``--resume`` may stand alone, and then means the newest run."""

    context_class = typer.Context

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse ``args`` after giving a lone ``--resume`` its value."""
        return super().parse_args(ctx, with_resume_value(args))


def with_resume_value(words: list[str]) -> list[str]:
    """Return ``words`` with ``latest`` after each ``--resume`` that an option, or nothing, follows."""
    completed: list[str] = []
    for word, following in zip_longest(words, words[1:]):
        completed.append(word)
        if word == RESUME and (following is None or following.startswith("-")):
            completed.append(LATEST)
    return completed
