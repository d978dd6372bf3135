"""Which run begins next, and how long several at once take."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ponder_tasks.bench.schedule import next_run, time_of


@dataclass(frozen=True)
class Run:
    name: str
    seconds: float
    follows: str | None = None


def test_a_run_begins_when_what_it_follows_is_finished() -> None:
    second, third = Run("second", 1.0, follows="first"), Run("third", 2.0)
    assert next_run([second, third], {"first", "second", "third"}) is third
    assert next_run([second, third], {"second", "third"}) is second
    assert next_run([second], {"first", "second"}) is None


def test_two_at_once_by_hand() -> None:
    runs = [Run("before", 4.0), Run("scratch", 3.0), Run("tuned", 3.0, follows="before"), Run("more", 2.0)]
    # before 0-4, scratch 0-3, more 3-5, tuned 4-7
    assert time_of(runs, 2) == 7.0
    assert time_of(runs, 1) == 12.0
    assert time_of([], 2) == 0.0


@st.composite
def plans(draw: st.DrawFn) -> list[Run]:
    count = draw(st.integers(1, 8))
    runs = []
    for number in range(count):
        follows = draw(st.none() | st.integers(0, number - 1)) if number else None
        name = None if follows is None else str(follows)
        runs.append(Run(str(number), draw(st.floats(0.5, 9.0)), name))
    return runs


@given(plans(), st.integers(1, 4))
def test_no_plan_is_quicker_than_its_work_or_its_longest_chain(runs: list[Run], at_once: int) -> None:
    chains: dict[str, float] = {}
    for run in runs:
        chains[run.name] = run.seconds + (chains[run.follows] if run.follows else 0.0)
    work = sum(run.seconds for run in runs)
    seconds = time_of(runs, at_once)
    assert seconds >= max(max(chains.values()), work / at_once) - 1e-9
    assert seconds <= work + 1e-9
    if at_once == 1:
        assert seconds == pytest.approx(work)
    if at_once >= len(runs):
        assert seconds == pytest.approx(max(chains.values()))
