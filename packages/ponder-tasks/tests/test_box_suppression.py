"""Greedy suppression, against the loop that defines it."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_tasks.boxes.oriented_boxes import OrientedBoxes
from ponder_tasks.boxes.rotated_iou import axis_aligned_iou_3d, bev_iou, iou_3d
from ponder_tasks.boxes.suppression import suppress_in_circles, suppress_overlapping


def crowd(count: int, seed: int) -> tuple[OrientedBoxes, torch.Tensor, torch.Tensor]:
    """Boxes that overlap a lot, coarse scores with ties, and labels."""
    generator = torch.Generator().manual_seed(seed)
    draw = torch.rand(count, 7, generator=generator)
    boxes = OrientedBoxes(center=2 * draw[:, :3], size=0.3 + draw[:, 3:6], heading=2 * math.pi * draw[:, 6])
    scores = torch.randint(0, 20, (count,), generator=generator) / 20
    return boxes, scores, torch.randint(0, 3, (count,), generator=generator)


def greedy_loop(too_near: torch.Tensor, scores: torch.Tensor) -> list[int]:
    kept: list[int] = []
    for row in sorted(range(len(scores)), key=lambda i: -float(scores[i])):
        if not any(too_near[row, better] for better in kept):
            kept.append(row)
    return kept


@pytest.mark.parametrize("overlap", [bev_iou, iou_3d, axis_aligned_iou_3d])
@pytest.mark.parametrize("with_labels", [False, True])
def test_overlapping_boxes_as_the_loop_does(overlap, with_labels: bool) -> None:
    for seed in range(4):
        boxes, scores, labels = crowd(60, seed)
        rows, columns = torch.meshgrid(torch.arange(60), torch.arange(60), indexing="ij")
        values = overlap(boxes.take(rows.flatten()), boxes.take(columns.flatten())).reshape(60, 60)
        too_near = values > 0.25
        if with_labels:
            too_near &= labels[:, None] == labels[None]
        expected = greedy_loop(too_near, scores)
        assert 1 < len(expected) < 60
        kept = suppress_overlapping(
            boxes, scores, 0.25, overlap=overlap, labels=labels if with_labels else None
        )
        assert kept.tolist() == expected


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 40), st.sampled_from([0.0, 0.3, 0.8, 100.0]))
def test_circles_as_the_loop_does(seed: int, count: int, radius: float) -> None:
    boxes, scores, labels = crowd(count, seed)
    center = boxes.center[:, :2]
    near = (center[:, None] - center[None]).norm(dim=2) <= radius
    assert suppress_in_circles(center, scores, radius).tolist() == greedy_loop(near, scores)
    same = labels[:, None] == labels[None]
    kept = suppress_in_circles(center, scores, radius, labels=labels)
    assert kept.tolist() == greedy_loop(near & same, scores)


def test_a_chain_is_thinned_and_not_swallowed() -> None:
    """Each box overlaps only its neighbours: the dropped one no longer suppresses the next."""
    row = torch.arange(7.0)
    boxes = OrientedBoxes(
        center=torch.stack((0.5 * row, 0 * row, 0 * row), dim=1),
        size=torch.ones(7, 3),
        heading=torch.zeros(7),
    )
    kept = suppress_overlapping(boxes, torch.linspace(1, 0, 7), 0.2, overlap=iou_3d)
    assert kept.tolist() == [0, 2, 4, 6]


def test_nothing_and_one() -> None:
    boxes, scores, _ = crowd(1, 0)
    assert suppress_overlapping(boxes, scores, 0.5, overlap=iou_3d).tolist() == [0]
    none = boxes.take(torch.tensor([], dtype=torch.int64))
    assert suppress_overlapping(none, scores[:0], 0.5, overlap=iou_3d).tolist() == []


def test_bad_input_is_told() -> None:
    boxes, scores, labels = crowd(3, 0)
    with pytest.raises(ValueError, match=r"3 boxes need 3 scores, but there are 2"):
        suppress_overlapping(boxes, scores[:2], 0.5, overlap=iou_3d)
    with pytest.raises(ValueError, match=r"1 of 3 scores are NaN"):
        suppress_in_circles(boxes.center[:, :2], torch.tensor([0.1, math.nan, 0.2]), 0.5)
    with pytest.raises(ValueError, match=r"3 boxes need as many labels"):
        suppress_overlapping(boxes, scores, 0.5, overlap=iou_3d, labels=labels[:2])
