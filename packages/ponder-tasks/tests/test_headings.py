import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ponder_tasks.detect.headings import HeadingBins

PERIODS = (2 * math.pi, math.pi)


@given(st.floats(-20, 20, allow_nan=False), st.integers(1, 24), st.sampled_from(PERIODS))
def test_a_heading_comes_back_up_to_its_period(heading: float, bins: int, period: float) -> None:
    coding = HeadingBins(bins=bins, period=period)
    given_heading = torch.tensor([heading], dtype=torch.float64)
    index, rest = coding.encode(given_heading)
    assert 0 <= int(index) < bins
    assert abs(float(rest)) <= 1 + 1e-9
    back = coding.decode(index, rest)
    assert -math.pi <= float(back) <= math.pi
    turns = (float(back) - heading) / period
    assert turns == pytest.approx(round(turns), abs=1e-9)


def test_bins_are_centred_on_their_headings() -> None:
    coding = HeadingBins(bins=12, period=2 * math.pi)
    index, rest = coding.encode(torch.tensor([0.0, math.radians(30), math.radians(-30), math.radians(14.9)]))
    assert index.tolist() == [0, 1, 11, 0]
    assert rest.tolist() == pytest.approx([0, 0, 0, 14.9 / 15], abs=1e-5)


def test_half_a_turn_makes_opposite_headings_one() -> None:
    coding = HeadingBins(bins=6, period=math.pi)
    east, west = coding.encode(torch.tensor([0.2])), coding.encode(torch.tensor([0.2 - math.pi]))
    assert int(east[0]) == int(west[0])
    assert float(east[1]) == pytest.approx(float(west[1]), abs=1e-5)
