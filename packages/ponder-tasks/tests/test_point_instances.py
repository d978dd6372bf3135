import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_tasks.instances.point_instances import PointInstances
from ponder_tasks.instances.suppression import point_iou, suppress


def packed(sets: list[list[int]], scores: list[float] | None = None) -> PointInstances:
    return PointInstances(
        point=torch.tensor([point for points in sets for point in points], dtype=torch.int64),
        offsets=torch.tensor([len(points) for points in sets], dtype=torch.int64).cumsum(0),
        label=torch.arange(len(sets)),
        score=torch.tensor(scores or [0.5] * len(sets)),
    )


def unpacked(instances: PointInstances) -> list[list[int]]:
    pieces = torch.tensor_split(instances.point, instances.offsets[:-1])
    return [sorted(piece.tolist()) for piece in pieces] if len(instances) else []


sets = st.lists(st.lists(st.integers(0, 9), unique=True, max_size=6), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(sets=sets, data=st.data())
def test_select_and_spread_agree_with_lists(sets: list[list[int]], data: st.DataObject) -> None:
    instances = packed(sets)
    index = data.draw(st.lists(st.integers(0, len(sets) - 1), max_size=4))
    chosen = instances.select(torch.tensor(index, dtype=torch.int64))
    assert unpacked(chosen) == [sorted(sets[i]) for i in index]
    assert chosen.label.tolist() == index
    inverse = data.draw(st.lists(st.integers(0, 9), min_size=10, max_size=20))
    wide = instances.spread(torch.tensor(inverse))
    assert unpacked(wide) == [[p for p, cell in enumerate(inverse) if cell in points] for points in sets]


@settings(max_examples=40, deadline=None)
@given(sets=sets, group=st.lists(st.integers(-1, 2), min_size=10, max_size=10))
def test_shared_points_agree_with_loops(sets: list[list[int]], group: list[int]) -> None:
    shared = packed(sets).shared_with(torch.tensor(group), 3)
    assert shared.tolist() == [[sum(group[p] == g for p in points) for g in range(3)] for points in sets]


@settings(max_examples=60, deadline=None)
@given(
    sets=st.lists(st.lists(st.integers(0, 9), unique=True, min_size=1, max_size=6), max_size=6),
    data=st.data(),
)
def test_suppression_agrees_with_loops(sets: list[list[int]], data: st.DataObject) -> None:
    scores = [data.draw(st.integers(0, 3)) / 4 for _ in sets]
    overlap = data.draw(st.sampled_from([0.0, 0.25, 0.5, 1.0]))

    def iou(one: list[int], other: list[int]) -> float:
        return len(set(one) & set(other)) / len(set(one) | set(other))

    kept: list[int] = []
    for candidate in sorted(range(len(sets)), key=lambda i: -scores[i]):
        if all(iou(sets[candidate], sets[other]) <= overlap for other in kept):
            kept.append(candidate)
    instances = packed(sets, scores) if sets else PointInstances.none()
    assert suppress(instances, overlap).tolist() == kept
    slow = [[iou(one, other) for other in sets] for one in sets]
    assert point_iou(instances) == pytest.approx(np.array(slow).reshape(len(sets), len(sets)))


def test_fields_that_do_not_fit_are_told() -> None:
    with pytest.raises(ValueError, match="the last offset is 3 and must be the number of points, 2"):
        PointInstances(
            point=torch.tensor([0, 1]),
            offsets=torch.tensor([3]),
            label=torch.tensor([0]),
            score=torch.tensor([0.5]),
        )
