"""What a process does that brings runs of a benchmark to their end, and what it tells the process that started it."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

import torch

from ponder_tasks.bench.running import BenchStopped, bring_to_end
from ponder_tasks.failure import Failure, failure_of
from ponder_tasks.listener import SilentListener, StepReport, TrainingListener
from ponder_tasks.recipe import FinetuneRecipe, PretrainingRecipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One run that the process is to bring to its end."""

    recipe: PretrainingRecipe | FinetuneRecipe
    path: Path
    command: str


@dataclass(frozen=True, slots=True)
class Step:
    """A step was taken."""

    number: int


@dataclass(frozen=True, slots=True)
class Said:
    """Something a person should read."""

    message: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The run was asked to stop and has saved: where and what."""

    message: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The run is finished."""


Message = Step | Said | Stopped | Finished | Failure


class ConnectionListener(SilentListener):
    """Sends steps and words to the other process; where that has died, nobody listens, and the run goes on to save."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def stepped(self, report: StepReport) -> None:
        """Send the step's number."""
        self._send(Step(report.step))

    def said(self, message: str) -> None:
        """Pass the message on."""
        self._send(Said(message))

    def _send(self, message: Message) -> None:
        with suppress(ConnectionError):
            self._connection.send(message)


def serve(connection: Connection, prepare: Callable[[], object]) -> None:
    """Bring to its end each ``Work`` that comes, with one thread, until the other end of ``connection`` is closed.

    The last message of each is ``Finished``, ``Stopped`` or a ``Failure``. SIGTERM asks a run to save and stop, and so
    does the death of the process that started this one. ``prepare`` is called before anything is computed.
    """
    prepare()
    torch.set_num_threads(1)
    _stop_with_parent()
    try:
        while True:
            connection.send(_outcome(connection.recv(), ConnectionListener(connection)))
    except (EOFError, ConnectionError):
        return


def _outcome(work: Work, listener: TrainingListener) -> Stopped | Finished | Failure:
    @contextmanager
    def listening() -> Iterator[TrainingListener]:
        yield listener

    try:
        bring_to_end(work.recipe, work.path, command=work.command, listening=listening)
    except BenchStopped as stop:
        return Stopped(str(stop))
    except Exception as error:
        return failure_of(error)
    return Finished()


def _stop_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()
