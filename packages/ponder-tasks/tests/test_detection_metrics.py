"""AP against a slow reference written from the protocol's words, and its degenerate cases by hand."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_data.scene import Boxes
from ponder_tasks.boxes.oriented_boxes import OrientedBoxes
from ponder_tasks.boxes.rotated_iou import axis_aligned_iou_3d, iou_3d
from ponder_tasks.metrics.detection import DetectionMatches, Detections

CLASSES = ("table", "chair", "lamp")


def truth_of(rows: list[tuple[float, ...]], labels: list[int]) -> Boxes:
    """Rows of x, y, length, width, heading; all of height 1 at z = 0."""
    table = torch.tensor(rows, dtype=torch.float64).reshape(-1, 5)
    height = torch.ones(len(rows), 1, dtype=torch.float64)
    return Boxes(
        center=torch.cat((table[:, :2], 0 * height), dim=1),
        size=torch.cat((table[:, 2:4], height), dim=1),
        heading=table[:, 4],
        label=torch.tensor(labels, dtype=torch.int64),
        instance=torch.arange(len(rows)),
    )


def detected(rows: list[tuple[float, ...]], labels: list[int], scores: list[float]) -> Detections:
    return Detections(
        boxes=OrientedBoxes.of_scene(truth_of(rows, labels)),
        label=torch.tensor(labels, dtype=torch.int64),
        score=torch.tensor(scores, dtype=torch.float64),
    )


def square(x: float, y: float = 0.0) -> tuple[float, ...]:
    return (x, y, 1.0, 1.0, 0.0)


def slow_ap(scenes: list[tuple[Detections, Boxes]], label: int, threshold: float, overlap) -> float:
    """The protocol, one detection and one recall level at a time."""
    truths = sum(int((truth.label == label).sum()) for _, truth in scenes)
    if truths == 0:
        return math.nan
    ranking = [
        (float(found.score[row]), scene, row)
        for scene, (found, _) in enumerate(scenes)
        for row in range(len(found))
        if int(found.label[row]) == label
    ]
    ranking.sort(key=lambda item: -item[0])
    taken: set[tuple[int, int]] = set()
    points: list[tuple[float, float]] = []
    right = 0
    for rank, (_, scene, row) in enumerate(ranking, start=1):
        found, truth = scenes[scene]
        best, best_overlap = -1, -math.inf
        for box in range(len(truth)):
            if int(truth.label[box]) != label:
                continue
            one = found.boxes.take(torch.tensor([row]))
            other = OrientedBoxes.of_scene(truth).take(torch.tensor([box]))
            value = overlap(one, other).item()
            if value > best_overlap:
                best, best_overlap = box, value
        if best_overlap > threshold and (scene, best) not in taken:
            taken.add((scene, best))
            right += 1
        points.append((right / truths, right / rank))
    area, previous = 0.0, 0.0
    for recall in sorted({recall for recall, _ in points}):
        area += (recall - previous) * max(p for r, p in points if r >= recall)
        previous = recall
    return area


@st.composite
def scenes(draw: st.DrawFn) -> list[tuple[Detections, Boxes]]:
    """Scenes whose detections are true boxes, moved, doubled, mislabelled or missing, with ties among scores."""
    place = st.sampled_from([0.0, 0.2, 0.45, 0.9, 2.0])
    row = st.tuples(place, place, st.sampled_from([0.5, 1.0, 1.5]), st.just(1.0), st.sampled_from([0.0, 0.4]))
    label = st.integers(0, 2)
    result = []
    for _ in range(draw(st.integers(1, 3))):
        truth = draw(st.lists(st.tuples(row, st.integers(-1, 2)), max_size=4))
        found = draw(st.lists(st.tuples(row, label, st.sampled_from([0.1, 0.5, 0.5, 0.9])), max_size=6))
        result.append(
            (
                detected([r for r, _, _ in found], [c for _, c, _ in found], [s for _, _, s in found]),
                truth_of([r for r, _ in truth], [c for _, c in truth]),
            )
        )
    return result


@settings(max_examples=60, deadline=None)
@given(scenes(), st.sampled_from([0.25, 0.5]), st.sampled_from([iou_3d, axis_aligned_iou_3d]))
def test_ap_is_that_of_the_slow_reference(drawn, threshold: float, overlap) -> None:
    matches = DetectionMatches(CLASSES, overlap)
    for found, truth in drawn:
        matches.add(found, truth)
    expected = [slow_ap(drawn, label, threshold, overlap) for label in range(3)]
    if all(math.isnan(value) for value in expected):
        with pytest.raises(ValueError, match="no true box to measure on"):
            matches.average_precision(threshold)
        return
    figures = matches.average_precision(threshold)
    assert figures.ap_per_class == pytest.approx(expected, abs=1e-12, nan_ok=True)
    counted = [value for value in expected if not math.isnan(value)]
    assert figures.mean == pytest.approx(sum(counted) / len(counted), abs=1e-12)


def one_scene(found: Detections, truth: Boxes) -> DetectionMatches:
    matches = DetectionMatches(CLASSES, iou_3d)
    matches.add(found, truth)
    return matches


def test_perfect_detections_score_one_whatever_their_order() -> None:
    rows = [square(0), square(2), square(4)]
    figures = one_scene(
        detected(rows, [0, 1, 0], [0.1, 0.2, 0.9]), truth_of(rows, [0, 1, 0])
    ).average_precision(0.5)
    assert figures.ap_per_class[:2] == (1.0, 1.0)
    assert math.isnan(figures.ap_per_class[2])
    assert figures.mean == 1.0
    assert figures.mean_recall == 1.0


def test_worked_example() -> None:
    """Right, wrong, right of two boxes: precision 1 up to recall 1/2, then 2/3."""
    found = detected([square(0), square(9), square(2)], [0, 0, 0], [0.9, 0.8, 0.7])
    figures = one_scene(found, truth_of([square(0), square(2)], [0, 0])).average_precision(0.5)
    assert figures.ap_per_class[0] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_a_second_detection_of_one_box_is_wrong_even_where_it_overlaps_another() -> None:
    truth = truth_of([square(0), square(0.5)], [0, 0])
    found = detected([square(0), square(0.2), square(0.5)], [0, 0, 0], [0.9, 0.8, 0.7])
    figures = one_scene(found, truth).average_precision(0.25)
    assert figures.ap_per_class[0] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_an_overlap_of_exactly_the_threshold_is_not_enough() -> None:
    matches = one_scene(detected([(0.0, 0.0, 0.5, 1.0, 0.0)], [0], [1.0]), truth_of([square(0)], [0]))
    assert matches.average_precision(0.5).ap_per_class[0] == 0.0
    assert matches.average_precision(0.4999).ap_per_class[0] == 1.0


def test_axis_aligned_overlap_forgives_the_heading_and_rotated_overlap_does_not() -> None:
    truth = truth_of([(0.0, 0.0, 3.0, 0.3, 0.0)], [0])
    found = detected([(0.0, 0.0, 0.3, 3.0, 0.5 * math.pi)], [0], [1.0])
    crossed = detected([(0.0, 0.0, 3.0, 0.3, 0.5 * math.pi)], [0], [1.0])
    assert one_scene(found, truth).average_precision(0.5).mean == 1.0
    assert one_scene(crossed, truth).average_precision(0.25).mean == 0.0
    slanted_truth = truth_of([(0.0, 0.0, 3.0, 0.3, 0.25 * math.pi)], [0])
    slanted = detected([(0.0, 0.0, 3.0, 0.3, -0.25 * math.pi)], [0], [1.0])
    aligned = DetectionMatches(CLASSES, axis_aligned_iou_3d)
    aligned.add(slanted, slanted_truth)
    assert aligned.average_precision(0.5).mean == 1.0
    assert one_scene(slanted, slanted_truth).average_precision(0.25).mean == 0.0


def test_degenerate_cases() -> None:
    nothing, empty = detected([], [], []), truth_of([], [])
    assert one_scene(nothing, truth_of([square(0)], [1])).average_precision(0.25).ap_per_class[1] == 0.0
    with pytest.raises(ValueError, match="no true box to measure on"):
        one_scene(detected([square(0)], [0], [1.0]), empty).average_precision(0.25)
    with pytest.raises(ValueError, match="no true box to measure on"):
        one_scene(nothing, truth_of([square(0)], [-1])).average_precision(0.25)
    # Wrong detections in a scene without boxes push down the precision of the others.
    matches = one_scene(detected([square(0)], [0], [0.9]), empty)
    matches.add(detected([square(0)], [0], [0.8]), truth_of([square(0)], [0]))
    assert matches.average_precision(0.25).mean == 0.5
    # A class that only detections have counts for nothing.
    matches.add(detected([square(0)], [2], [0.9]), empty)
    assert matches.average_precision(0.25).mean == 0.5
    assert matches.counts() == (1, 0, 0)


def test_bad_input_is_told() -> None:
    truth = truth_of([square(0)], [0])
    with pytest.raises(ValueError, match=r"labels of detections run from 3 to 3; with 3 classes"):
        one_scene(detected([square(0)], [3], [1.0]), truth)
    with pytest.raises(ValueError, match=r"labels of true boxes run from 5 to 5"):
        one_scene(detected([], [], []), truth_of([square(0)], [5]))
    with pytest.raises(ValueError, match=r"1 of 1 scores are not finite"):
        one_scene(detected([square(0)], [0], [math.nan]), truth)
