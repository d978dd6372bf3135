"""One readable line for everything that can go wrong, and the exit code that goes with it."""

from dataclasses import dataclass

import typer

BAD_INPUT = 2
UNEXPECTED = 1
INTERRUPTED = 130


class Interrupted(Exception):
    """The user stopped a command that had nothing to save."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What to print after ``error:`` and how to exit."""

    line: str
    exit_code: int


def explain(error: Exception) -> Explanation:
    """Return the one line that tells a user about ``error``.

    ``ValueError`` is how every Ponder package reports bad input, with the values and what to do, so its
    message is shown as it is. What nobody foresaw says how to see the traceback.
    """
    if isinstance(error, Interrupted):
        return Explanation(line="interrupted before there was anything to save", exit_code=INTERRUPTED)
    if isinstance(error, typer.TyperException):
        return Explanation(line=_usage(error), exit_code=error.exit_code)
    if isinstance(error, OSError):
        return Explanation(line=_system(error), exit_code=BAD_INPUT)
    if isinstance(error, ValueError | ImportError):
        return Explanation(line=one_line(str(error)), exit_code=BAD_INPUT)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        advice = (
            "out of memory; try --set trainer.batch_size=1 or fewer rays (see 'ponder recipes show NAME')"
        )
        return Explanation(line=advice, exit_code=BAD_INPUT)
    kind, message = type(error).__name__, one_line(str(error))
    return Explanation(
        line=f"unexpected {kind}: {message} (run it again with --debug to see where)", exit_code=UNEXPECTED
    )


def one_line(message: str) -> str:
    """Return ``message`` with every run of white space made one blank."""
    return " ".join(message.split())


def _usage(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    help_hint = f" (see '{context.command_path} --help')" if context is not None else ""
    message = one_line(error.format_message()).rstrip(".")
    return message[:1].lower() + message[1:] + help_hint


def _system(error: OSError) -> str:
    if error.filename is None or error.strerror is None:
        return one_line(str(error))
    return f"{error.filename}: {error.strerror.lower()}"
