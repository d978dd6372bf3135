import math
import re

import numpy as np
import pytest
from ponder_tasks.listener import Measurement
from ponder_tasks.report.curves import Axis, chart, smoothed, training_curves, validation_curves
from ponder_tasks.report.history import History, TrainRecord, ValidationRecord


def history_of(totals: list[float], measurements: dict[int, float]) -> History:
    return History(
        train=tuple(
            TrainRecord(step=step, total=total, losses=(("near_surface", total / 2),), learning_rate=1e-3)
            for step, total in enumerate(totals, start=1)
        ),
        validation=tuple(
            ValidationRecord(step=step, measurements=(("psnr", value),))
            for step, value in measurements.items()
        ),
    )


def line_points(svg: str, kind: str) -> list[tuple[float, float]]:
    found = re.search(rf'<polyline class="{kind}" points="([^"]*)"', svg)
    assert found is not None
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in found.group(1).split())]


def test_smoothing_is_the_mean_of_the_records_around() -> None:
    values = np.random.default_rng(0).normal(size=40)
    expected = [np.mean(values[max(0, place - 3) : place + 4]) for place in range(40)]
    assert smoothed(values, 7) == pytest.approx(np.array(expected))
    assert smoothed(values, 0) == pytest.approx(values)


def test_every_loss_and_the_learning_rate_has_a_curve() -> None:
    curves = training_curves(history_of([4.0, 2.0, 1.0], {}))
    assert [curve.name for curve in curves] == ["total", "near_surface", "learning_rate"]
    assert curves[1].values.tolist() == [2.0, 1.0, 0.5]
    assert curves[1].steps.tolist() == [1.0, 2.0, 3.0]


def test_one_step_is_no_curve() -> None:
    assert training_curves(history_of([4.0], {})) == ()
    assert validation_curves(history_of([], {10: 20.0}), ()) == ()


def test_values_that_are_not_finite_are_left_out() -> None:
    curves = training_curves(history_of([4.0, math.nan, math.inf, 1.0], {}))
    assert curves[0].steps.tolist() == [1.0, 4.0]


def test_validation_takes_its_unit_from_the_measurements() -> None:
    curves = validation_curves(
        history_of([], {10: 20.0, 20: 21.5}), (Measurement(name="psnr", value=1.0, unit="dB"),)
    )
    assert curves[0].unit == "dB"
    drawn = chart(curves[0])
    assert "21.50 dB" in drawn
    assert drawn.count("<circle") == 2
    (_, first), (_, second) = line_points(drawn, "line")
    assert second < first, "the higher value is drawn higher up, which is a smaller y"


def test_a_loss_that_falls_far_is_drawn_by_its_logarithm() -> None:
    falling = chart(training_curves(history_of([10.0 ** (-step / 10) for step in range(40)], {}))[0])
    assert "log scale" in falling
    heights = [y for _, y in line_points(falling, "line")]
    assert np.ptp(np.diff(heights)) < 0.5, "a geometric series is a straight line"
    flat = chart(training_curves(history_of([1.0 + 0.01 * step for step in range(40)], {}))[0])
    assert "log scale" not in flat


def test_a_constant_curve_can_be_drawn() -> None:
    for value in (0.0, -3.0, 5.0):
        heights = {y for _, y in line_points(chart(training_curves(history_of([value] * 5, {}))[0]), "line")}
        assert len(heights) == 1


def test_long_curves_stay_small_and_keep_their_spikes() -> None:
    totals = [1.0] * 20_000
    totals[7_777] = 1.5
    totals[100:200] = [1.4] * 100
    drawn = chart(training_curves(history_of(totals, {}))[0])
    raw = line_points(drawn, "raw")
    assert len(raw) <= 600
    assert len(drawn) < 30_000
    top = min(y for _, y in raw)
    spike = [x for x, y in raw if y == top]
    assert any(abs(x - (46 + 302 * 7_777 / 19_999)) < 0.2 for x in spike)


def test_ticks_are_round_and_inside() -> None:
    linear = Axis(lowest=0.13, highest=0.58, start=0.0, end=100.0)
    assert linear.ticks(4) == pytest.approx([0.2, 0.3, 0.4, 0.5])
    drawn = chart(training_curves(history_of([4.0, 2.0, 1.0], {}))[2])
    assert re.findall(r">([^<>]+)</text>", drawn)[:3] == ["6e-4", "8e-4", "0.001"]
    logarithmic = Axis(lowest=0.0021, highest=2.3, start=0.0, end=100.0, logarithmic=True)
    assert logarithmic.ticks(4) == pytest.approx([0.01, 0.1, 1.0])
    assert logarithmic.pixel(np.array([0.0021, 2.3, 99.0])).tolist() == pytest.approx([0, 100, 100])
