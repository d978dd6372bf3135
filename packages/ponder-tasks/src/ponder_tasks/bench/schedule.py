"""Which run begins next, and how long all of them take when several are at work at once."""

from collections.abc import Collection, Sequence
from typing import Protocol, TypeVar, runtime_checkable


@runtime_checkable
class Scheduled(Protocol):
    """What a schedule knows of a run."""

    @property
    def name(self) -> str:
        """What other runs call it by."""
        ...

    @property
    def follows(self) -> str | None:
        """The run it has to wait for, if any."""
        ...

    @property
    def seconds(self) -> float:
        """How long it takes on a core of its own."""
        ...


Run = TypeVar("Run", bound=Scheduled)


def next_run(waiting: Sequence[Run], unfinished: Collection[str]) -> Run | None:
    """Return the first of ``waiting`` that waits for none of the ``unfinished`` runs; None where all do."""
    return next((run for run in waiting if run.follows not in unfinished), None)


def time_of(runs: Sequence[Scheduled], at_once: int) -> float:
    """Return the seconds until all ``runs`` are finished, when ``at_once`` are at work, each on a core of its own.

    Each begins as soon as a core is free and the run that it follows is finished, the earlier in ``runs`` first.
    """
    waiting, unfinished = list(runs), {run.name for run in runs}
    ends: list[tuple[float, str]] = []
    now = 0.0
    while unfinished:
        while len(ends) < at_once and (run := next_run(waiting, unfinished)) is not None:
            waiting.remove(run)
            ends.append((now + run.seconds, run.name))
        assert ends, "a run follows itself"
        ends.sort()
        now, name = ends.pop(0)
        unfinished.remove(name)
    return now
