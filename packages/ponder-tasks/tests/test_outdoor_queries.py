"""Object queries: matching against brute force, attention in the volume against a loop, and learning."""

from itertools import permutations

import pytest
import torch
from ponder_encoders.image.voxel_grid import VoxelGrid
from ponder_tasks.boxes.oriented_boxes import OrientedBoxes
from ponder_tasks.outdoor_detect.box_code import encode_boxes
from ponder_tasks.outdoor_detect.driving_boxes import DrivingBoxes
from ponder_tasks.outdoor_detect.matching import focal_loss, match, matching_cost
from ponder_tasks.outdoor_detect.query_head import QueryHead, QueryHeadConfig
from ponder_tasks.outdoor_detect.query_losses import query_detections, query_losses
from ponder_tasks.outdoor_detect.volume_attention import sample_volume

GRID = VoxelGrid(lower=(-8.0, -8.0, -3.0), upper=(8.0, 8.0, 3.0), shape=(8, 8, 3))
TINY = QueryHeadConfig(queries=16, channels=16, layers=2, heads=2, feed_forward=32, dropout=0.0, boxes=8)


def some_boxes() -> DrivingBoxes:
    """A car, a pedestrian of unknown velocity, and a barrier, which has no attribute."""
    return DrivingBoxes(
        geometry=OrientedBoxes(
            center=torch.tensor([[3.0, -4.0, 0.2], [-5.0, 5.0, 0.5], [0.5, 0.4, -1.0]]),
            size=torch.tensor([[4.5, 1.9, 1.6], [0.7, 0.6, 1.8], [0.5, 2.4, 1.0]]),
            heading=torch.tensor([2.0, -1.0, 0.3]),
        ),
        velocity=torch.tensor([[3.0, -1.0], [torch.nan, torch.nan], [0.0, 0.0]]),
        label=torch.tensor([3, 6, 0]),
        attribute=torch.tensor([5, 0, -1]),
    )


@pytest.mark.parametrize(("queries", "boxes"), [(4, 3), (5, 2), (2, 4), (3, 0)])
def test_matching_finds_the_least_total_cost(queries: int, boxes: int) -> None:
    generator = torch.Generator().manual_seed(queries)
    for _ in range(5):
        cost = torch.randn(queries, boxes, generator=generator)
        row, column = match(cost)
        assert len(row) == min(queries, boxes) == len(set(row.tolist())) == len(set(column.tolist()))
        found = float(cost[row, column].sum())
        if queries >= boxes:
            totals = [
                sum(float(cost[q, b]) for b, q in enumerate(chosen))
                for chosen in permutations(range(queries), boxes)
            ]
        else:
            totals = [
                sum(float(cost[q, b]) for q, b in enumerate(chosen))
                for chosen in permutations(range(boxes), queries)
            ]
        assert found == pytest.approx(min(totals), abs=1e-5)


def test_costs_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"1 of 4 matching costs are NaN"):
        match(torch.tensor([[0.0, torch.nan], [1.0, 2.0]]))


def test_a_cost_says_what_the_loss_would_gain() -> None:
    truth = some_boxes()
    score = torch.randn(2, 10, generator=torch.Generator().manual_seed(0))
    code = encode_boxes(truth)[:2] + 0.1
    cost = matching_cost(score, code, truth.label, encode_boxes(truth), class_weight=2.0, box_weight=0.25)
    for query in range(2):
        for box in range(3):
            right = torch.zeros(10)
            right[truth.label[box]] = 1.0
            gained = focal_loss(score[query], right) - focal_loss(score[query], torch.zeros(10))
            distance = (code[query, :8] - encode_boxes(truth)[box, :8]).abs().sum()
            expected = 2.0 * float(gained) + 0.25 * float(distance)
            assert float(cost[query, box]) == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_sampling_a_volume_is_that_of_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    value = torch.randn(2, 2, 3, 4, 5, 2, generator=generator, dtype=torch.float64)
    place = torch.rand(2, 3, 2, 4, 3, generator=generator, dtype=torch.float64) * 1.2 - 0.1
    weight = torch.rand(2, 3, 2, 4, generator=generator, dtype=torch.float64)
    expected = torch.zeros(2, 3, 2, 3, dtype=torch.float64)
    for b, q, h, p in torch.cartesian_prod(*map(torch.arange, (2, 3, 2, 4))).tolist():
        cell = place[b, q, h, p] * torch.tensor([4.0, 5.0, 2.0]) - 0.5
        low = cell.floor().long()
        for corner in torch.cartesian_prod(*[torch.tensor([0, 1])] * 3):
            index = low + corner
            share = (1 - (cell - index).abs()).prod()
            if bool((index >= 0).all()) and bool((index < torch.tensor([4, 5, 2])).all()):
                x, y, z = index.tolist()
                expected[b, q, h] += weight[b, q, h, p] * share * value[b, h, :, x, y, z]
    torch.testing.assert_close(sample_volume(value, place, weight), expected.flatten(2))


def test_a_head_learns_the_boxes_of_a_volume_that_it_sees_again_and_again() -> None:
    torch.manual_seed(0)
    truth = some_boxes()
    volume = torch.randn(1, 4, *GRID.shape)
    head = QueryHead(4, GRID.lower, GRID.upper, TINY)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-2)
    for _ in range(100):
        losses = query_losses(head(volume), [truth], GRID, TINY)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
    found = query_detections(head.eval()(volume), TINY)[0].take(torch.arange(3))
    assert bool((found.score > 0.4).all())
    assert sorted(found.boxes.label.tolist()) == [0, 3, 6]
    order = [found.boxes.label.tolist().index(label) for label in truth.label.tolist()]
    again = found.boxes.take(torch.tensor(order))
    torch.testing.assert_close(again.geometry.center, truth.geometry.center, atol=0.5, rtol=0)
    assert again.attribute.tolist() == truth.attribute.tolist()


def test_without_boxes_queries_learn_that_there_is_nothing() -> None:
    torch.manual_seed(0)
    head = QueryHead(4, GRID.lower, GRID.upper, TINY)
    none = some_boxes().take(torch.zeros(3, dtype=torch.bool))
    losses = query_losses(head(torch.randn(2, 4, *GRID.shape)), [none, none], GRID, TINY)
    losses.total.backward()
    named = losses.named()
    assert named["class"] > 0
    assert named["box"] == named["attribute"] == 0


def test_heads_of_attention_must_divide_the_channels() -> None:
    with pytest.raises(ValueError, match="3 heads do not divide 16 channels"):
        QueryHeadConfig(channels=16, heads=3)
