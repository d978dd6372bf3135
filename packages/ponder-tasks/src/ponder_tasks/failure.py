"""Errors that travel from one process to another, with the traceback they had there."""

import pickle
import traceback
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error that another process sends instead of what it was asked for."""

    error: Exception
    trace: str

    def cause(self) -> "RemoteTraceback":
        """Return what the error is to be raised from, so that its own traceback is seen."""
        return RemoteTraceback(self.trace)


class RemoteTraceback(Exception):
    """The traceback of an error that another process raised, as text: the cause of the error raised here."""


def failure_of(error: Exception) -> Failure:
    """Return ``error`` as something that can be sent; its words alone where its type cannot travel."""
    trace = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
    return Failure(error=error, trace=f"\n{trace}")
