import pytest
from ponder_cli.formatting import duration, losses_line, measured_line, rate
from ponder_tasks.listener import Measurement


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0:00"),
        (59.4, "0:59"),
        (59.6, "1:00"),
        (3599.9, "1:00:00"),
        (7265.0, "2:01:05"),
        (float("inf"), "-:--"),
    ],
)
def test_durations_are_clock_times(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5 rays/s"), (999.0, "999 rays/s"), (12_345.0, "12.3k rays/s"), (2.5e6, "2.5M rays/s")],
)
def test_rates_have_three_digits_and_a_prefix(value: float, text: str) -> None:
    assert rate(value, "rays") == text


def test_losses_are_named_after_their_sum() -> None:
    assert losses_line(0.5321, (("color", 0.1234), ("depth", 0.4))) == "loss 0.5321 (color 0.123, depth 0.4)"
    assert losses_line(0.5321, ()) == "loss 0.5321"


def test_measurements_carry_their_units() -> None:
    measurements = (Measurement(name="psnr", value=21.349, unit="dB"), Measurement(name="ratio", value=0.5))
    assert measured_line(measurements) == "psnr 21.35 dB, ratio 0.5"
