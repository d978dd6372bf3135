"""Depth in bins, and learning it from measured depth."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_encoders.image.depth_bins import (
    DepthBinsConfig,
    Spacing,
    bin_centers,
    bin_edges,
    bin_index,
    depth_at,
    expected_depth,
    position_of,
    soft_bins,
)
from ponder_encoders.image.depth_supervision import depth_supervision, nearest_depths
from pydantic import ValidationError

SPACINGS: tuple[Spacing, ...] = ("uniform", "linear-increasing", "log")
every_spacing = pytest.mark.parametrize("spacing", SPACINGS)


def bins_of(spacing: Spacing, count: int = 6) -> DepthBinsConfig:
    return DepthBinsConfig(nearest=2.0, farthest=50.0, count=count, spacing=spacing)


@every_spacing
def test_edges_by_their_definition(spacing: Spacing) -> None:
    edges = bin_edges(bins_of(spacing)).double()
    lengths = edges.diff()
    assert edges[0].item() == pytest.approx(2)
    assert edges[-1].item() == pytest.approx(50, rel=1e-6)
    if spacing == "uniform":
        torch.testing.assert_close(lengths, torch.full_like(lengths, 8))
    elif spacing == "log":
        factor = torch.full((5,), 25 ** (1 / 6), dtype=torch.float64)
        torch.testing.assert_close(lengths[1:] / lengths[:-1], factor, rtol=1e-5, atol=0)
    else:  # Lengths are 1, 2, ..., 6 times the first: together 21 of them.
        expected = torch.arange(1.0, 7, dtype=torch.float64) * 48 / 21
        torch.testing.assert_close(lengths, expected, rtol=1e-5, atol=0)


@every_spacing
def test_each_center_lies_in_its_bin(spacing: Spacing) -> None:
    bins = bins_of(spacing)
    assert bin_index(bin_centers(bins), bins).tolist() == list(range(6))
    edges = bin_edges(bins)
    assert bin_index(edges[1:-1] + 1e-3, bins).tolist() == [1, 2, 3, 4, 5]
    assert bin_index(edges[1:-1] - 1e-3, bins).tolist() == [0, 1, 2, 3, 4]


@every_spacing
def test_depths_outside_all_bins_have_none(spacing: Spacing) -> None:
    depth = torch.tensor([0.0, -3, 1.99, 50.01, math.nan, math.inf, 2, 50])
    index = bin_index(depth, bins_of(spacing))
    assert index.tolist() == [-1, -1, -1, -1, -1, -1, 0, 5]
    weights = soft_bins(depth, bins_of(spacing))
    assert weights.sum(dim=1).tolist() == [0, 0, 0, 0, 0, 0, 1, 1]


@every_spacing
@settings(max_examples=20, deadline=None)
@given(depth=st.floats(2, 50), count=st.integers(1, 40))
def test_positions_and_depths_are_inverse(spacing: Spacing, depth: float, count: int) -> None:
    bins = bins_of(spacing, count)
    exact = torch.tensor([depth], dtype=torch.float64)
    position = position_of(exact, bins)
    assert -1e-9 <= position.item() <= count + 1e-9
    torch.testing.assert_close(depth_at(position, bins), exact)
    weights = soft_bins(exact, bins)[0]
    assert weights.sum().item() == pytest.approx(1)
    assert (weights > 0).sum() <= 2
    if 0.5 <= position.item() <= count - 0.5:
        centers = torch.arange(count, dtype=torch.float64) + 0.5
        assert (weights * centers).sum().item() == pytest.approx(position.item())


def test_expected_depth_is_the_mean_of_centers() -> None:
    bins = bins_of("uniform")
    depth = torch.tensor([[6.0, 13.7], [33.3, 46.0]])
    weights = soft_bins(depth, bins).permute(2, 0, 1)
    torch.testing.assert_close(expected_depth(weights, bins), depth)
    with pytest.raises(ValueError, match="probabilities of 5 bins do not fit a config of 6"):
        expected_depth(weights[:5], bins)


def test_impossible_bins_are_refused() -> None:
    for wrong in ({"nearest": 5.0, "farthest": 5.0}, {"count": 0}, {"nearest": 0.0}, {"spacing": "sid"}):
        with pytest.raises(ValidationError):
            DepthBinsConfig.model_validate(wrong)


@pytest.mark.parametrize(("height", "width"), [(8, 12), (7, 13), (9, 11)])
def test_nearest_depths_by_a_loop(height: int, width: int) -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(2, 2, height, width, generator=generator) * 30
    maps[torch.rand(maps.shape, generator=generator) < 0.9] = 0
    for rows, columns in {(height // 4, width // 4), (-(-height // 4), -(-width // 4))}:
        found = nearest_depths(maps, 4, rows, columns)
        for row in range(rows):
            for column in range(columns):
                block = maps[0, 1, row * 4 : row * 4 + 4, column * 4 : column * 4 + 4]
                known = block[block > 0]
                expected = known.min().item() if len(known) else 0
                assert found[0, 1, row, column].item() == expected
    with pytest.raises(ValueError, match="do not fit"):
        nearest_depths(maps, 4, 5, 3)


@pytest.mark.parametrize("kind", ["binary", "softmax"])
@pytest.mark.parametrize("soft", [False, True])
def test_supervision_by_a_loop(kind: str, soft: bool) -> None:
    bins = bins_of("linear-increasing")
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 2, 6, 2, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    maps = torch.zeros(1, 2, 4, 6)
    maps[0, 0, 0, 1], maps[0, 0, 1, 0], maps[0, 1, 3, 5], maps[0, 1, 0, 2] = 7.0, 30.0, 49.0, 60.0

    def loss(logits: torch.Tensor) -> torch.Tensor:
        return depth_supervision(logits, maps, bins, stride=2, kind=kind, soft=soft)  # type: ignore[arg-type]

    expected = 0.0
    for camera, row, column, depth in ((0, 0, 0, 7.0), (1, 1, 2, 49.0)):
        probability = logits[0, camera, :, row, column].softmax(dim=0).tolist()
        if soft:
            target = soft_bins(torch.tensor(depth), bins).tolist()
        else:
            target = [float(i == int(bin_index(torch.tensor(depth), bins))) for i in range(6)]
        for t, p in zip(target, probability, strict=True):
            expected -= t * math.log(p) + (kind == "binary") * (1 - t) * math.log(1 - p)
    assert loss(logits).item() == pytest.approx(expected / 2, rel=1e-5)
    assert torch.autograd.gradcheck(loss, logits)


@pytest.mark.parametrize("kind", ["binary", "softmax"])
def test_supervision_without_depth_or_with_certainty_stays_finite(kind: str) -> None:
    bins, maps = bins_of("uniform"), torch.zeros(1, 1, 4, 4)
    logits = torch.zeros(1, 1, 6, 2, 2, requires_grad=True)
    loss = depth_supervision(logits, maps, bins, stride=2, kind=kind)  # type: ignore[arg-type]
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert logits.grad.abs().sum() == 0
    sure = torch.zeros(1, 1, 6, 2, 2)
    sure[:, :, 5] = 1000
    sure.requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = depth_supervision(sure.bfloat16(), maps + 3.0, bins, stride=2, kind=kind)  # type: ignore[arg-type]
    loss.backward()
    assert torch.isfinite(loss)
    assert loss > 100
    assert sure.grad is not None
    assert torch.isfinite(sure.grad).all()


def test_supervision_teaches_the_measured_depth() -> None:
    bins = bins_of("log")
    maps = torch.tensor([3.0, 9, 20, 45]).view(1, 1, 2, 2)
    logits = torch.zeros(1, 1, 6, 2, 2, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.3)
    for _ in range(60):
        optimizer.zero_grad()
        depth_supervision(logits, maps, bins, stride=1).backward()
        optimizer.step()
    assert torch.equal(logits.argmax(dim=2), bin_index(maps, bins))


def test_supervision_of_other_shapes_is_refused() -> None:
    bins = bins_of("uniform")
    with pytest.raises(ValueError, match="the logits of 6 bins"):
        depth_supervision(torch.zeros(1, 1, 5, 2, 2), torch.zeros(1, 1, 4, 4), bins, stride=2)
