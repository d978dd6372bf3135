"""Average precision of instances against a slow reading of the protocol's rules, with sets of points and loops."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_tasks.instances.point_instances import PointInstances
from ponder_tasks.metrics.average_precision import average_precision
from ponder_tasks.metrics.instances import AP_OVERLAPS, InstanceAccumulator, InstanceMetrics

NAMES = ("floor", "chair", "lamp")
THINGS = torch.tensor([False, True, True])
MINIMUM = 3
POINTS = 24


@dataclass(frozen=True, slots=True)
class Predicted:
    label: int
    score: float
    points: frozenset[int]


@dataclass(frozen=True, slots=True)
class Room:
    semantic: tuple[int, ...]
    instance: tuple[int, ...]
    predicted: tuple[Predicted, ...]

    def truths(self, label: int) -> list[frozenset[int]]:
        """The true instances of a class, by their ids."""
        pairs = list(zip(self.semantic, self.instance, strict=True))
        ids = sorted({i for s, i in pairs if s == label and i >= 0})
        return [frozenset(p for p, pair in enumerate(pairs) if pair == (label, i)) for i in ids]

    def void(self) -> frozenset[int]:
        pairs = enumerate(zip(self.semantic, self.instance, strict=True))
        return frozenset(p for p, (s, i) in pairs if s not in (1, 2) or i < 0)


def iou(one: frozenset[int], other: frozenset[int]) -> float:
    return len(one & other) / len(one | other)


def slow_judge(room: Room, label: int, overlap: float) -> tuple[list[tuple[float, bool]], int]:
    """Scores that count, each with whether it is right, and how many true instances nobody found."""
    truths = room.truths(label)
    large = [truth for truth in truths if len(truth) >= MINIMUM]
    predicted = [p for p in room.predicted if p.label == label and len(p.points) >= MINIMUM]
    entries, missed, used = [], 0, []
    for truth in large:
        claims = [p for p in predicted if not any(p is u for u in used) and iou(p.points, truth) > overlap]
        if not claims:
            missed += 1
            continue
        used.append(claims[0])
        best, *duplicates = sorted((p.score for p in claims), reverse=True)
        entries += [(best, True), *((score, False) for score in duplicates)]
    for p in predicted:
        if any(iou(p.points, truth) > overlap for truth in truths):
            continue
        ignorable = len(p.points & room.void())
        ignorable += sum(len(p.points & truth) for truth in truths if len(truth) < MINIMUM)
        if ignorable / len(p.points) <= overlap:
            entries.append((p.score, False))
    return entries, missed


def slow_precision(rooms: list[Room], label: int, overlap: float) -> float:
    judged = [slow_judge(room, label, overlap) for room in rooms]
    entries = [entry for found, _ in judged for entry in found]
    truths = sum(len([t for t in room.truths(label) if len(t) >= MINIMUM]) for room in rooms)
    assert truths == sum(right for _, right in entries) + sum(missed for _, missed in judged)
    if truths == 0:
        return math.nan
    area, recall, precision = 0.0, 0.0, 1.0
    for threshold in sorted({score for score, _ in entries}, reverse=True):
        taken = [right for score, right in entries if score >= threshold]
        next_recall, next_precision = sum(taken) / truths, sum(taken) / len(taken)
        area += (next_recall - recall) * (precision + next_precision) / 2
        recall, precision = next_recall, next_precision
    return area


def packed(predicted: tuple[Predicted, ...]) -> PointInstances:
    sizes = torch.tensor([len(p.points) for p in predicted], dtype=torch.int64)
    return PointInstances(
        point=torch.tensor([point for p in predicted for point in sorted(p.points)], dtype=torch.int64),
        offsets=sizes.cumsum(0),
        label=torch.tensor([p.label for p in predicted], dtype=torch.int64),
        score=torch.tensor([p.score for p in predicted], dtype=torch.float32),
    )


def measured(*rooms: Room) -> InstanceMetrics:
    accumulator = InstanceAccumulator(NAMES, THINGS, minimum_points=MINIMUM)
    for room in rooms:
        accumulator.add(packed(room.predicted), torch.tensor(room.semantic), torch.tensor(room.instance))
    return accumulator.metrics()


def random_room(rng: np.random.Generator) -> Room:
    """Runs of points; predictions are one or two runs with moved ends, so that they overlap them at every degree."""
    semantic: list[int] = []
    instance: list[int] = []
    predicted = []
    while len(semantic) < POINTS:
        length, end = int(rng.integers(1, 8)), len(semantic)
        semantic += [int(rng.choice([-1, 0, 1, 1, 1, 2]))] * length
        instance += [int(rng.integers(-1, 6))] * length
        for _ in range(int(rng.integers(0, 4))):
            first = max(0, end - int(rng.choice([0, 0, 1, 4])))
            last = min(POINTS, end + length + int(rng.integers(-1, 3)))
            label = max(semantic[-1], 0) if rng.random() < 0.8 else int(rng.integers(0, 3))
            predicted.append(Predicted(label, int(rng.integers(1, 5)) / 4, frozenset(range(first, last))))
    return Room(tuple(semantic[:POINTS]), tuple(instance[:POINTS]), tuple(predicted))


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_agrees_with_the_slow_reading(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rooms = [random_room(rng) for _ in range(int(rng.integers(1, 4)))]
    slow = {
        overlap: [slow_precision(rooms, label, overlap) for label in (1, 2)]
        for overlap in (*AP_OVERLAPS, 0.25)
    }
    if all(math.isnan(value) for value in slow[0.25]):
        with pytest.raises(ValueError, match="no true instance of at least 3 points"):
            measured(*rooms)
        return
    metrics = measured(*rooms)
    assert metrics.class_names == ("chair", "lamp")
    assert metrics.ap25 == pytest.approx(slow[0.25], nan_ok=True)
    assert metrics.ap50 == pytest.approx(slow[0.5], nan_ok=True)
    mean = np.mean([slow[overlap] for overlap in AP_OVERLAPS], axis=0).tolist()
    assert metrics.ap == pytest.approx(mean, nan_ok=True)


TWO_CHAIRS = ((1,) * 16 + (0,) * 8, (0,) * 8 + (1,) * 8 + (-1,) * 8)
FIRST, SECOND = frozenset(range(8)), frozenset(range(8, 16))


def of_chairs(*predicted: Predicted) -> InstanceMetrics:
    return measured(Room(*TWO_CHAIRS, predicted))


def test_the_truth_itself_has_full_precision() -> None:
    metrics = of_chairs(Predicted(1, 0.2, FIRST), Predicted(1, 0.9, SECOND))
    assert (metrics.ap[0], metrics.ap50[0], metrics.ap25[0]) == (1.0, 1.0, 1.0)
    assert metrics.counts == (2, 0)
    assert math.isnan(metrics.ap[1])
    assert [(m.name, m.value) for m in metrics.measurements()] == [
        ("ap", 100.0),
        ("ap50", 100.0),
        ("ap25", 100.0),
    ]


def test_nothing_predicted_is_zero_and_not_undefined() -> None:
    assert of_chairs().ap[0] == 0.0
    assert of_chairs(Predicted(2, 0.9, FIRST)).ap[0] == 0.0


def test_a_duplicate_is_a_false_detection_with_the_lower_score() -> None:
    # Points of the curve: (0, 1), then (1/2, 1) at 0.9, then (1/2, 1/2) at 0.8, then (1, 2/3) at 0.5.
    duplicated = of_chairs(Predicted(1, 0.8, FIRST), Predicted(1, 0.9, FIRST), Predicted(1, 0.5, SECOND))
    assert duplicated.ap50[0] == pytest.approx(0.5 + 0.5 * (1 / 2 + 2 / 3) / 2)


def test_what_lies_mostly_in_void_is_neither_right_nor_wrong() -> None:
    found = (Predicted(1, 0.5, FIRST), Predicted(1, 0.5, SECOND))
    on_the_floor = Predicted(1, 0.9, frozenset(range(15, 24)))
    assert of_chairs(*found, on_the_floor).ap50[0] == 1.0
    of_the_wrong_class = Predicted(2, 0.9, FIRST)
    assert of_chairs(*found, of_the_wrong_class).ap50[0] == 1.0


def test_small_instances_are_neither_looked_for_nor_held_against_who_finds_them() -> None:
    semantic, instance = (1,) * 10, (0,) * 8 + (1,) * 2
    predicted = (Predicted(1, 0.5, frozenset(range(8))), Predicted(1, 0.9, frozenset(range(7, 10))))
    metrics = measured(Room(semantic, instance, predicted))
    assert metrics.counts == (1, 0)
    assert metrics.ap50[0] == 1.0


def test_small_instances_and_void_excuse_a_prediction_together() -> None:
    # Of the surest prediction one point is void, two are a small chair (IoU 1/2, not above), one is the large chair.
    semantic, instance = (1,) * 10 + (0,), (0,) * 8 + (1,) * 2 + (-1,)
    predicted = (Predicted(1, 0.5, FIRST), Predicted(1, 0.9, frozenset({7, 8, 9, 10})))
    assert measured(Room(semantic, instance, predicted)).ap50[0] == 1.0


def test_a_duplicate_of_one_instance_may_find_the_next() -> None:
    # At 0.25 the second prediction overlaps both chairs: false for the first, which has one, and right for the second.
    both = of_chairs(Predicted(1, 0.9, FIRST), Predicted(1, 0.8, FIRST | SECOND))
    # (0, 1), (1/2, 1) at 0.9, (1, 2/3) at 0.8, where one right and one false detection come in together.
    assert both.ap25[0] == pytest.approx(0.5 + 0.5 * (1 + 2 / 3) / 2)
    assert both.ap50[0] == pytest.approx(0.5)


def test_predictions_of_one_room_do_not_find_instances_of_another() -> None:
    empty = Room((0,) * 24, (-1,) * 24, (Predicted(1, 0.9, FIRST),))
    full = Room(*TWO_CHAIRS, ())
    assert measured(empty, full).ap25[0] == 0.0


def test_equal_scores_stand_or_fall_together() -> None:
    is_true, score = np.array([True, False, True]), np.array([0.5, 0.5, 0.5])
    assert average_precision(is_true, score, missed=0) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(is_true[::-1], score, missed=2) == pytest.approx((1 + 2 / 3) / 2 / 2)


def test_mistakes_are_told() -> None:
    with pytest.raises(ValueError, match="has 2 entries"):
        InstanceAccumulator(NAMES, torch.tensor([True, False]))
    with pytest.raises(ValueError, match="0 of them true"):
        InstanceAccumulator(NAMES, torch.zeros(3, dtype=torch.bool))
    with pytest.raises(ValueError, match="scores that are not finite"):
        of_chairs(Predicted(1, math.nan, FIRST))
    with pytest.raises(ValueError, match="but the scene has 24"):
        of_chairs(Predicted(1, 0.5, frozenset({3, 30})))
