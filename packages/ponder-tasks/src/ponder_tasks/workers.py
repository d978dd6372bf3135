"""Worker processes: each applies one function to the numbers it is sent, in their order, ahead of being asked.

The processes start afresh (``forkserver``, or ``spawn`` where there is none), for a fork of a process that has used
CUDA or OpenMP may hang. They leave when this process closes them or dies, however it dies. Signals to the whole group,
such as Ctrl-C or a scheduler's SIGTERM, do not reach them: the run has to save first, and needs them until then.
"""

import multiprocessing
import pickle
import signal
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

import torch
import torch.multiprocessing  # teaches connections to send tensors as shared memory

from ponder_tasks.failure import Failure, failure_of
from ponder_tasks.one_thread import one_thread_environment
from ponder_tasks.packing import Packed, pack, unpack

SECONDS_TO_LEAVE = 5.0
"""How long a worker may take to finish what it is at when it is closed; then it is killed."""

PRELOADED = ("ponder_tasks.batches", "ponder_tasks.workers")
"""Imported once for all workers, and PyTorch with them, while this process goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Worker:
    process: BaseProcess
    connection: Connection


class Workers:
    """``count`` processes that apply ``function``; they start with the first request.

    Args:
        function: picklable, with importable types; what it returns is packed (:mod:`ponder_tasks.packing`).
        count: at least 1.
    """

    def __init__(self, function: Callable[[int], Any], count: int) -> None:
        forks = "forkserver" in multiprocessing.get_all_start_methods()
        self._context = multiprocessing.get_context("forkserver" if forks else "spawn")
        self._count = count
        self._payload = pickle.dumps(function)
        self._workers: list[_Worker] = []
        # Runs also when the interpreter ends with workers that nobody closed.
        self.close = weakref.finalize(self, _close, self._workers)
        if forks:
            self._context.set_forkserver_preload(list(PRELOADED))
            with _starting(main_is_needed=False):
                forkserver.ensure_running()

    def _start(self) -> None:
        with _starting(main_is_needed=b"__main__" in self._payload):
            for number in range(self._count):
                mine, theirs = self._context.Pipe()
                process = self._context.Process(  # type: ignore[attr-defined]  (every context has one)
                    target=_serve, args=(theirs, self._payload), name=f"loader-{number}", daemon=True
                )
                process.start()
                theirs.close()
                self._workers.append(_Worker(process=process, connection=mine))

    def __len__(self) -> int:
        return self._count

    def processes(self) -> tuple[int, ...]:
        """Return the process ids; empty before the first request."""
        return tuple(worker.process.pid for worker in self._workers if worker.process.pid)

    def request(self, worker: int, number: int) -> None:
        """Ask ``worker`` for ``function(number)``, to be received after all that it was asked for before."""
        if not self._workers:
            self._start()
        try:
            self._workers[worker].connection.send(number)
        except OSError as error:
            raise self._death(worker) from error

    def receive(self, worker: int) -> Any:
        """Return the next answer of ``worker``, waiting for it.

        Raises:
            ChildProcessError: when the process has died; says how and what helps.
            Exception: whatever the function raised, with the worker's traceback as its cause.
        """
        process, connection = self._workers[worker].process, self._workers[worker].connection
        if connection not in wait([connection, process.sentinel]):
            raise self._death(worker)
        try:
            answer = connection.recv()
        except (EOFError, OSError) as error:
            raise self._death(worker) from error
        if isinstance(answer, Failure):
            raise answer.error from answer.cause()
        assert isinstance(answer, Packed)
        return unpack(answer)

    def _death(self, worker: int) -> ChildProcessError:
        process = self._workers[worker].process
        process.join(timeout=SECONDS_TO_LEAVE)
        return ChildProcessError(
            f"a process that prepares training samples (pid {process.pid}) {_cause(process.exitcode)}"
        )


def _cause(code: int | None) -> str:
    if code is not None and -code == getattr(signal, "SIGKILL", None):
        return (
            "was killed, most often because memory ran out; take fewer processes with --set trainer.workers=1, "
            "and continue the run with --resume"
        )
    if code is not None and -code == getattr(signal, "SIGBUS", None):
        return (
            "found no more shared memory; make /dev/shm larger (docker run --shm-size=8g) or set "
            "trainer.workers=0, and continue the run with --resume"
        )
    ended = f"ended with exit code {code}" if code is None or code >= 0 else f"died of signal {-code}"
    return f"{ended}; with --set trainer.workers=0 its error shows here; continue the run with --resume"


@contextmanager
def _starting(*, main_is_needed: bool) -> Iterator[None]:
    """Settings under which processes are started, and which they inherit.

    Signals that stop a run are blocked: in the new processes for good, here only until they have started. The main
    module is hidden, for a new process would import it, and so run a script that has no ``if __name__ == "__main__"``;
    unless the function needs it, because its types are defined there.
    """
    main = sys.modules["__main__"]
    masks = hasattr(signal, "pthread_sigmask")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM}) if masks else set()
    if not main_is_needed:
        sys.modules["__main__"] = ModuleType("__main__")
    try:
        with one_thread_environment():
            yield
    finally:
        sys.modules["__main__"] = main
        if masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _close(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.connection.close()  # which each takes as the sign to leave
    deadline = time.monotonic() + SECONDS_TO_LEAVE
    for worker in workers:
        worker.process.join(timeout=max(0.0, deadline - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.process.close()
    workers.clear()


def _serve(connection: Connection, payload: bytes) -> None:
    """What a worker process does, until the other end of ``connection`` is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(1)
    try:
        function = pickle.loads(payload)
    except Exception as error:
        connection.send(failure_of(error))
        return
    try:
        while True:
            connection.send(_answer(function, connection.recv()))
    except (EOFError, ConnectionError):
        return


def _answer(function: Callable[[int], Any], number: int) -> Packed | Failure:
    try:
        return pack(function(number))
    except Exception as error:
        return failure_of(error)
