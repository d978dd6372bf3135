"""Weighted sums of rows: against a loop and gradcheck, whatever the entries."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_encoders.image import pooling
from ponder_encoders.image.pooling import plan_pooling, pool_rows
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode


def entries_of(count: int, rows: int, bags: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randint(rows, (count,), generator=generator),
        torch.randint(bags, (count,), generator=generator),
        torch.randn(rows, 3, generator=generator, dtype=torch.float64),
        torch.randn(count, generator=generator, dtype=torch.float64),
    )


@settings(max_examples=20, deadline=None)
@given(count=st.integers(0, 40), rows=st.integers(1, 8), bags=st.integers(1, 8), seed=st.integers(0, 9))
def test_sums_by_a_loop(count: int, rows: int, bags: int, seed: int) -> None:
    row, bag, table, weight = entries_of(count, rows, bags, seed)
    expected = torch.zeros(bags, 3, dtype=torch.float64)
    for r, b, w in zip(row.tolist(), bag.tolist(), weight.tolist(), strict=True):
        expected[b] += w * table[r]
    plan = plan_pooling(row, bag, rows=rows, bags=bags)
    torch.testing.assert_close(pool_rows(table, weight, plan), expected)


@pytest.mark.parametrize("count", [0, 1, 30])
def test_gradients(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooling, "ENTRIES_PER_CHUNK", 7)
    row, bag, table, weight = entries_of(count, 6, 5)
    plan = plan_pooling(row, bag, rows=6, bags=5)
    table.requires_grad_()
    weight.requires_grad_()
    assert torch.autograd.gradcheck(lambda t, w: pool_rows(t, w, plan), (table, weight))


def test_half_precision_is_added_up_in_float32() -> None:
    # In bfloat16 a sum of ones stops at 256.
    plan = plan_pooling(
        torch.zeros(3000, dtype=torch.long), torch.zeros(3000, dtype=torch.long), rows=1, bags=1
    )
    table = torch.ones(1, 2, dtype=torch.bfloat16, requires_grad=True)
    pooled = pool_rows(table, torch.ones(3000), plan)
    assert pooled.dtype == torch.bfloat16
    assert pooled[0, 0].item() == pytest.approx(3000, rel=0.01)
    pooled.sum().backward()
    assert table.grad is not None
    assert table.grad[0, 0].item() == pytest.approx(3000, rel=0.01)


def test_sums_stay_on_the_device_of_the_table() -> None:
    with FakeTensorMode(), torch.device("cuda"):
        fake = plan_pooling(
            torch.zeros(9, dtype=torch.long), torch.zeros(9, dtype=torch.long), rows=4, bags=5
        )
        pooled = pool_rows(torch.zeros(4, 3), torch.zeros(9), fake)
        assert pooled.shape == (5, 3)
        assert pooled.device.type == "cuda"


def test_other_tables_are_refused() -> None:
    row, bag, table, weight = entries_of(10, 6, 5)
    plan = plan_pooling(row, bag, rows=6, bags=5)
    with pytest.raises(ValueError, match="a plan over 6 rows and 10 entries does not fit a table"):
        pool_rows(table[:5], weight, plan)
    with pytest.raises(ValueError, match=r"and weights \(9,\)"):
        pool_rows(table, weight[:9], plan)
