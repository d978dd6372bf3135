import threading
from collections.abc import Iterator

import pytest
import torch
from ponder_render.evaluation.chunk_threads import in_order

CPU = torch.device("cpu")


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_results_come_in_the_order_of_the_items(threads: int) -> None:
    assert list(in_order(lambda item: item**2, range(20), CPU)) == [item**2 for item in range(20)]
    assert list(in_order(lambda item: item, [], CPU)) == []
    assert torch.get_num_threads() == threads


def test_operations_of_a_chunk_have_one_thread(threads: int) -> None:
    seen = set(in_order(lambda _: torch.get_num_threads(), range(8), CPU))
    assert seen == {1}


def test_chunks_are_computed_side_by_side() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    # Each waits for the other: one after the other, neither would ever end.
    meeting = threading.Barrier(2, timeout=20)
    assert sorted(in_order(lambda _: meeting.wait(), range(2), CPU)) == [0, 1]
    torch.set_num_threads(before)


def test_no_more_are_computed_ahead_than_threads_and_one(threads: int) -> None:
    started = []
    results = in_order(lambda item: started.append(item), range(50), CPU)
    next(results)
    assert len(started) <= threads + 1


def test_work_has_no_gradient_and_errors_reach_the_caller(threads: int) -> None:
    weight = torch.ones(3, requires_grad=True)
    assert not any(y.requires_grad for y in in_order(lambda item: weight * item, range(4), CPU))

    def fail(item: int) -> int:
        if item == 2:
            raise ValueError(f"item {item} is bad")
        return item

    with pytest.raises(ValueError, match="item 2 is bad"):
        list(in_order(fail, range(4), CPU))
