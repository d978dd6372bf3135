"""The runs of a benchmark side by side: several at once, each in a process with one thread.

A training step of these sizes leaves a second thread idle for much of its time, so two runs at once on two cores are
finished sooner than one after the other. Besides, with one thread the figures are the same however many are at work.
"""

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from ponder_tasks.bench.child import Finished, Message, Said, Step, Stopped, Work, serve
from ponder_tasks.bench.plan import Plan, PlannedRun
from ponder_tasks.bench.running import BenchStopped, complete_recipe, is_finished, words_of
from ponder_tasks.bench.schedule import next_run, time_of
from ponder_tasks.failure import Failure
from ponder_tasks.graceful_stop import GracefulStop
from ponder_tasks.one_thread import one_thread_environment
from ponder_tasks.report.wording import duration

SECONDS_BETWEEN_LINES = 60.0
SECONDS_TO_HEAR = 0.5
"""How long a signal to stop may wait."""

SECONDS_TO_LEAVE = 10.0
"""How long an idle process may take to end by itself, with the processes that load its data."""


@dataclass(slots=True, kw_only=True)
class Slot:
    """A process that makes one run after another, and the one that it is at, with the last step it told of."""

    process: BaseProcess
    connection: Connection
    run: PlannedRun | None = None
    began: float = 0.0
    step: int = 0

    def begin(self, run: PlannedRun, work: Work) -> None:
        """Have the process begin a run."""
        self.run, self.began, self.step = run, time.monotonic(), 0
        self.connection.send(work)

    def receive(self) -> Message:
        """Return what the process says next; how it ended where it has died."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
        name = self.run.name if self.run else "a run"
        if self.process.exitcode == -signal.SIGTERM:
            return Stopped(f"{name} was not at a step, and goes on from its last checkpoint if it has one")
        words = (
            f"the process of {name} ended with exit code {self.process.exitcode}; if memory ran out, take fewer runs "
            "--at-once; the same command goes on from here"
        )
        return Failure(error=ChildProcessError(words), trace="")

    def end(self) -> None:
        """End the process: an idle one by itself; at once where a second signal or an error leaves it at work."""
        self.connection.close()
        if self.run is None:
            self.process.join(timeout=SECONDS_TO_LEAVE)
        self.process.kill()
        self.process.join()
        self.process.close()


class SideBySide:
    """Brings the runs of a plan to their end.

    Args:
        plan, output: what to run, and where.
        command: the command line that repeats it.
        prepare: what each process calls first; picklable.
        tell: takes lines for a person.
    """

    def __init__(
        self,
        plan: Plan,
        output: Path,
        *,
        command: str,
        prepare: Callable[[], object],
        tell: Callable[[str], None],
    ) -> None:
        self._plan, self._output, self._command = plan, output, command
        self._prepare, self._tell = prepare, tell
        self._waiting = list(plan.runs)
        self._unfinished = {run.name for run in plan.runs}
        self._slots: list[Slot] = []
        self._stops: list[str] = []
        self._failure: Failure | None = None
        self._measured = self._estimated = 0.0

    def run(self) -> None:
        """Begin and watch runs until all are finished.

        Raises:
            BenchStopped: when a signal stopped them; they have saved.
            ValueError: and whatever else a run raises; the others have saved.
        """
        line_due = time.monotonic() + SECONDS_BETWEEN_LINES
        with GracefulStop() as stop:
            try:
                while self._unfinished and not (stop.requested or self._failure):
                    self._begin_next()
                    self._hear()
                    if time.monotonic() >= line_due:
                        line_due += SECONDS_BETWEEN_LINES
                        self._tell(self._at_work())
                self._save_all()
            finally:
                for slot in self._slots:
                    slot.end()
        if self._failure is not None:
            raise self._failure.error from self._failure.cause()
        if self._unfinished:
            raise BenchStopped(", ".join(self._stops) or "it was between two runs")

    def _begin_next(self) -> None:
        """Begin runs while there is room for another and one is ready."""
        while len(self._busy()) < self._plan.at_once:
            planned = next_run(self._waiting, self._unfinished)
            if planned is None:
                return
            self._waiting.remove(planned)
            recipe, path = complete_recipe(planned, self._output), self._output / planned.name
            if is_finished(recipe, path):
                self._unfinished.remove(planned.name)
                self._tell(f"{planned.name}: finished before")
                continue
            self._tell(words_of(planned))
            self._idle_slot().begin(planned, Work(recipe=recipe, path=path, command=self._command))

    def _hear(self) -> None:
        """Take what runs have said, waiting a moment for it."""
        ready = wait([slot.connection for slot in self._busy()], timeout=SECONDS_TO_HEAR)
        for slot in self._busy():
            if slot.connection in ready:
                self._take(slot, slot.receive())

    def _take(self, slot: Slot, message: Message) -> None:
        assert slot.run is not None
        match message:
            case Step(number):
                slot.step = number
                return
            case Said(words):
                self._tell(f"{slot.run.name}: {words}")
                return
            case Stopped(words):
                self._stops.append(words)
            case Finished():
                self._unfinished.remove(slot.run.name)
                done, took = len(self._plan.runs) - len(self._unfinished), time.monotonic() - slot.began
                self._measured += took
                self._estimated += slot.run.seconds
                self._tell(f"{slot.run.name}: finished in {duration(took)}; {done} of {len(self._plan.runs)}")
            case Failure() as failure:
                self._failure = self._failure or failure
        slot.run = None

    def _save_all(self) -> None:
        """Ask all that are at work to save, once, and wait for them."""
        for slot in self._busy():
            slot.process.terminate()
        while self._busy():
            self._hear()

    def _busy(self) -> list[Slot]:
        return [slot for slot in self._slots if slot.run is not None]

    def _idle_slot(self) -> Slot:
        """Return a slot whose process waits for work; a new one where there is none."""
        idle = next((slot for slot in self._slots if slot.run is None), None)
        if idle is None:
            idle = _new_slot(self._prepare)
            self._slots.append(idle)
        return idle

    def _at_work(self) -> str:
        """Return which runs are at work, and about how long the rest takes."""
        steps = [
            f"{slot.run.name} at step {slot.step} of {slot.run.recipe.trainer.steps}"
            for slot in self._busy()
            if slot.run
        ]
        return f"{', '.join(steps)}; about {duration(self._seconds_left())} left"

    def _seconds_left(self) -> float:
        """Return the time of the steps that are still to be taken, by the estimates and the pace so far."""
        taken = {
            slot.run.name: slot.step / slot.run.recipe.trainer.steps for slot in self._busy() if slot.run
        }
        rest = [
            replace(run, seconds=run.seconds * (1.0 - taken.get(run.name, 0.0)))
            for run in self._plan.runs
            if run.name in self._unfinished
        ]
        pace = self._measured / self._estimated if self._estimated else 1.0
        return pace * time_of(rest, self._plan.at_once)


def _new_slot(prepare: Callable[[], object]) -> Slot:
    """Start a process that Ctrl-C does not reach, for the run has to save first: it is asked to by SIGTERM."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, prepare), name="bench")
    with one_thread_environment(), _interrupts_blocked():
        process.start()
    theirs.close()
    return Slot(process=process, connection=mine)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
