"""Heatmaps of centres against slow loops and closed forms."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_tasks.outdoor_detect.heatmap import draw_heatmap, gaussian_radius, heatmap_focal_loss


def overlap_of(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    """Intersection over union of two rectangles given as (x0, y0, x1, y1)."""
    width = max(0.0, min(first[2], second[2]) - max(first[0], second[0]))
    depth = max(0.0, min(first[3], second[3]) - max(first[1], second[1]))
    shared = width * depth
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return shared / (sum(areas) - shared)


@settings(deadline=None, max_examples=30)
@given(st.floats(0.5, 30), st.floats(0.5, 30), st.floats(0.05, 0.9))
def test_within_the_radius_a_rectangle_overlaps_itself_enough_and_at_it_just_so(
    length: float, width: float, overlap: float
) -> None:
    radius = float(gaussian_radius(torch.tensor([[length, width]], dtype=torch.float64), overlap))
    box = (0.0, 0.0, length, width)

    def worst(r: float) -> float:
        moved = [(r, r, length + r, width + r), (-r, -r, length + r, width + r)]
        if 2 * r < min(length, width):
            moved.append((r, r, length - r, width - r))
        return min(overlap_of(box, other) for other in moved)

    assert worst(radius) == pytest.approx(overlap, abs=1e-9)
    assert worst(0.9 * radius) > overlap


def test_a_heatmap_is_that_of_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    cell = torch.randint(0, 12, (9, 2), generator=generator)
    cell[1] = cell[0]  # two boxes in one cell
    radius = torch.randint(1, 6, (9,), generator=generator)
    label = torch.randint(0, 3, (9,), generator=generator)
    expected = torch.zeros(3, 12, 10)
    cell[:, 1] = cell[:, 1].clamp_max(9)
    for (x, y), r, c in zip(cell.tolist(), radius.tolist(), label.tolist(), strict=True):
        for i in range(12):
            for j in range(10):
                if abs(i - x) <= r and abs(j - y) <= r:
                    value = math.exp(-((i - x) ** 2 + (j - y) ** 2) / (2 * ((2 * r + 1) / 6) ** 2))
                    expected[c, i, j] = max(float(expected[c, i, j]), value)
    drawn = draw_heatmap(cell, radius, label, classes=3, shape=(12, 10))
    torch.testing.assert_close(drawn, expected)
    assert int((drawn == 1).sum()) == len(
        {(c, *xy) for xy, c in zip(map(tuple, cell.tolist()), label.tolist(), strict=True)}
    )


def test_no_box_gives_an_empty_map() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    drawn = draw_heatmap(none.reshape(0, 2), none, none, classes=2, shape=(4, 4))
    assert drawn.shape == (2, 4, 4)
    assert float(drawn.abs().sum()) == 0.0


def test_the_focal_loss_is_that_of_a_loop_and_stays_finite() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 3, 4, generator=generator, dtype=torch.float64)
    target = torch.rand(2, 3, 4, generator=generator, dtype=torch.float64)
    target[0, 1, 2] = target[1, 2, 3] = 1.0
    total = 0.0
    for logit, value in zip(logits.flatten().tolist(), target.flatten().tolist(), strict=True):
        p = 1 / (1 + math.exp(-logit))
        total -= (1 - p) ** 2 * math.log(p) if value == 1 else (1 - value) ** 4 * p**2 * math.log(1 - p)
    assert float(heatmap_focal_loss(logits, target)) == pytest.approx(total / 2, rel=1e-12)
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: heatmap_focal_loss(x, target), (logits,))
    extreme = torch.tensor([[-200.0, 200.0]], requires_grad=True)
    loss = heatmap_focal_loss(extreme, torch.tensor([[1.0, 0.0]]))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(400.0)
    assert extreme.grad is not None
    assert bool(extreme.grad.isfinite().all())
