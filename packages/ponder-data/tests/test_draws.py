import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ponder_data import draw_distinct, draw_event, draw_uniform


@given(data=st.data(), population=st.integers(0, 300), seed=st.integers(0, 1000))
def test_draws_are_distinct_and_in_range(data: st.DataObject, population: int, seed: int) -> None:
    count = data.draw(st.integers(0, population))
    drawn = draw_distinct(population, count, torch.Generator().manual_seed(seed)).tolist()
    assert len(drawn) == len(set(drawn)) == count
    assert all(0 <= number < population for number in drawn)


@pytest.mark.parametrize("count", [3, 30], ids=["drawn again", "permuted"])
def test_every_number_comes_equally_often_at_every_place(count: int, generator: torch.Generator) -> None:
    rounds, population = 4000, 40
    draws = torch.stack([draw_distinct(population, count, generator) for _ in range(rounds)])
    for place in (0, count - 1):
        often = torch.bincount(draws[:, place], minlength=population).float()
        # chi-square with 39 degrees of freedom; 90 is exceeded once in 10^5
        assert ((often - rounds / population) ** 2 / (rounds / population)).sum() < 90


def test_more_than_there_are_cannot_be_drawn(generator: torch.Generator) -> None:
    with pytest.raises(ValueError, match="4 different numbers out of 3"):
        draw_distinct(3, 4, generator)


def test_uniform_draws_fill_their_range(generator: torch.Generator) -> None:
    draws = torch.tensor([draw_uniform(-2.0, 3.0, generator) for _ in range(2000)])
    assert draws.min() >= -2.0
    assert draws.max() <= 3.0
    assert draws.quantile(0.1) == pytest.approx(-1.5, abs=0.15)
    assert draws.quantile(0.9) == pytest.approx(2.5, abs=0.15)


def test_events_come_as_often_as_asked_and_certain_ones_draw_nothing(generator: torch.Generator) -> None:
    assert 220 <= sum(draw_event(0.25, generator) for _ in range(1000)) <= 280
    state = generator.get_state()
    assert draw_event(1.0, generator)
    assert not draw_event(0.0, generator)
    assert torch.equal(state, generator.get_state())
