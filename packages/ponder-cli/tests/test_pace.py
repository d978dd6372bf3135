from collections.abc import Callable
from itertools import count

import pytest
from ponder_cli.pace import WINDOW, Pace
from ponder_tasks.listener import StepReport

Report = Callable[..., StepReport]


def test_the_end_is_unknown_before_the_first_step() -> None:
    assert Pace(steps=10).seconds_left == float("inf")


def test_an_even_pace_gives_the_time_left(step_report: Report) -> None:
    pace = Pace(steps=100, clock=map(float, count(step=2)).__next__)
    for step in range(1, 41):
        pace.stepped(step_report(step))
    assert pace.seconds_left == pytest.approx(2 * 60)


def test_a_resumed_run_counts_only_its_own_steps(step_report: Report) -> None:
    pace = Pace(steps=100, first_step=90, clock=map(float, count(step=3)).__next__)
    pace.stepped(step_report(91))
    assert pace.seconds_left == pytest.approx(3 * 9)


def test_the_window_forgets_a_slow_beginning(step_report: Report) -> None:
    moments = [0.0, *(100.0 * step for step in range(1, 11))]
    moments += [moments[-1] + float(step) for step in range(1, WINDOW + 1)]
    pace = Pace(steps=WINDOW + 20, clock=iter(moments).__next__)
    for step in range(1, WINDOW + 11):
        pace.stepped(step_report(step, points=1.0 if step <= 10 else 5.0))
    assert pace.seconds_left == pytest.approx(10.0)
    assert pace.points_per_second == pytest.approx(5.0)


def test_a_rate_is_all_points_over_all_time(step_report: Report) -> None:
    pace = Pace(steps=10)
    assert pace.points_per_second == 0.0
    pace.stepped(step_report(1, points=100.0, rays=0.0))  # 100 points in 1 s
    pace.stepped(step_report(2, points=50.0, rays=0.0))  # 100 points in 2 s
    assert pace.points_per_second == pytest.approx(200 / 3)
    assert pace.rays_per_second == 0.0


def test_the_last_step_leaves_nothing(step_report: Report) -> None:
    pace = Pace(steps=1, clock=iter([0.0, 7.0]).__next__)
    pace.stepped(step_report(1))
    assert pace.seconds_left == 0.0
