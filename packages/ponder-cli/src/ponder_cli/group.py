"""The group of all commands: keeps what was typed, and turns every error into one line."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperGroup

from ponder_cli.consoles import print_error
from ponder_cli.errors import Interrupted, explain

PROGRAM = "ponder"
DEBUG = "--debug"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """How the program was called; commands find it as ``context.obj``."""

    command: str


class PonderGroup(TyperGroup):
    """Runs a command; an error becomes one line on stderr, or a traceback with ``--debug``."""

    context_class = typer.Context  # what commands are annotated with; Typer's own default is the parent of it

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run with ``args``, by default those of the process, and exit with the code the outcome deserves."""
        typed = list(sys.argv[1:] if args is None else args)
        words = [word for word in typed if word != DEBUG]  # so that it counts wherever it stands
        invocation = Invocation(command=shlex.join([PROGRAM, *typed]))
        try:
            code = super().main(
                args=words,
                prog_name=PROGRAM,
                complete_var=complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                obj=invocation,
                **extra,
            )
        except Exception as error:
            if DEBUG in typed:
                raise
            explanation = explain(error)
            print_error(explanation.line)
            code = explanation.exit_code
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; Ctrl-C in one that did not handle it is an :class:`Interrupted`."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            raise Interrupted from interrupt
