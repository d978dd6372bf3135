"""``--resume`` with or without a run after it."""

from typing import Any

from typer.core import TyperCommand

from ponder_cli.runs import LATEST

RESUME = "--resume"


class ResumableCommand(TyperCommand):
    """A command whose ``--resume`` may stand alone, and then means the newest run."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse ``args`` after giving a lone ``--resume`` its value."""
        return super().parse_args(ctx, with_resume_value(args))


def with_resume_value(words: list[str]) -> list[str]:
    """Return ``words`` with ``latest`` after each ``--resume`` that an option, or nothing, follows."""
    completed: list[str] = []
    for word, following in zip(words, [*words[1:], None], strict=True):
        completed.append(word)
        if word == RESUME and (following is None or following.startswith("-")):
            completed.append(LATEST)
    return completed
