"""Cells found by the bitmap of all cells are those found by sorting, field by field and draw by draw."""

import sys
from dataclasses import fields

import ponder_data.grid
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_data.grid import grid_sample, occupied_cells
from ponder_data.grid.bitmap import CELLS_PER_POINT, LEAST_POINTS, BitmapCells, bitmap_cells, bitmap_is_faster
from ponder_data.grid.sorting import SortedCells, sort_cells
from ponder_data.grid.span import GridSpan, grid_span
from ponder_data.optional import has_numba
from torch import Tensor

needs_numba = pytest.mark.skipif(not has_numba(), reason="numba is not installed: extra cpu")


def assert_same(coord: Tensor, span: GridSpan, share_seed: int) -> None:
    """Every field, and the points that are picked, alike in type and value."""
    by_sorting, by_bitmap = sort_cells(coord, span), bitmap_cells(coord, span)
    from_bitmap = by_bitmap.sorted()
    for field in fields(SortedCells):
        expected, found = getattr(by_sorting, field.name), getattr(from_bitmap, field.name)
        assert found.dtype == expected.dtype
        assert torch.equal(found, expected), field.name
    share = torch.rand(
        by_bitmap.count.shape, generator=torch.Generator().manual_seed(share_seed), dtype=torch.float64
    )
    for given_share in (torch.zeros_like(share), share, torch.full_like(share, 1 - 2.0**-53)):
        expected, found = by_sorting.points_at(given_share), by_bitmap.points_at(given_share)
        assert found.dtype == expected.dtype
        assert torch.equal(found, expected)


@needs_numba
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    points=st.one_of(st.integers(1, 80), st.integers(500, 1600)),
    cell=st.sampled_from([0.05, 0.3, 7.0, (0.4, 0.11, 1.3), (0.02, 3.0, 0.3), (5.0, 0.01, 5.0)]),
    middle=st.sampled_from([0.0, -3.7, 120.0]),
    repeats=st.integers(1, 3),
    kind=st.sampled_from([torch.float32, torch.float64]),
)
def test_the_bitmap_finds_what_sorting_finds(
    seed: int,
    points: int,
    cell: float | tuple[float, float, float],
    middle: float,
    repeats: int,
    kind: torch.dtype,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    coord = middle + torch.randn(points, 3, generator=generator, dtype=kind)
    coord = coord.repeat(repeats, 1)[torch.randperm(points * repeats, generator=generator)]
    assert_same(coord, grid_span(coord, cell), seed)


@needs_numba
@pytest.mark.parametrize(
    ("extent", "step"),
    [((40, 30, 64), 1), ((3, 3, 200), 7), ((1, 1, 1000), 1), ((1000, 1, 1), 3), ((2, 50, 1), 1)],
)
def test_cells_at_the_ends_of_words_and_columns(extent: tuple[int, int, int], step: int) -> None:
    every = torch.cartesian_prod(*(torch.arange(size) for size in extent)).view(-1, 3)
    coord = (every[torch.arange(0, len(every), step)] + 0.5).flip(0)
    assert_same(coord, grid_span(coord, 1.0), 0)


@needs_numba
def test_far_points_leave_most_of_the_bitmap_empty() -> None:
    coord = torch.cat((torch.rand(50, 3), torch.rand(50, 3) + torch.tensor([300.0, -200.0, 40.0])))
    assert_same(coord, grid_span(coord, 0.5), 0)


@needs_numba
def test_points_need_not_lie_next_to_each_other_in_memory() -> None:
    rows = torch.rand(5, 2000, generator=torch.Generator().manual_seed(0))
    coord = rows.T[:, 1:4]
    assert not coord.is_contiguous()
    assert_same(coord, grid_span(coord, 0.1), 0)
    assert_same(coord.clone().requires_grad_(), grid_span(coord, 0.1), 0)


@needs_numba
def test_many_points_close_together_take_the_bitmap() -> None:
    coord = torch.rand(LEAST_POINTS, 3, generator=torch.Generator().manual_seed(0))
    assert isinstance(occupied_cells(coord, 0.1), BitmapCells)
    assert isinstance(occupied_cells(coord[1:], 0.1), SortedCells)
    # One more cell along one axis than the bitmap may have.
    coord[0], coord[1] = 0.0, 0.0
    coord[1, 0] = CELLS_PER_POINT * LEAST_POINTS - 0.5
    assert isinstance(occupied_cells(coord, 1.0), BitmapCells)
    coord[1, 0] += 1
    assert isinstance(occupied_cells(coord, 1.0), SortedCells)


def test_what_the_bitmap_cannot_hold_is_sorted() -> None:
    coord = torch.rand(LEAST_POINTS, 3)
    span = grid_span(coord, 0.1)
    assert bitmap_is_faster(coord, span) == has_numba()
    assert not bitmap_is_faster(coord.half(), span)
    assert not bitmap_is_faster(coord.to("meta"), span)


@needs_numba
def test_small_clouds_do_without_importing_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = "ponder_data.grid.bitmap_kernels"  # the one module that imports it
    monkeypatch.delitem(sys.modules, kernels, raising=False)
    monkeypatch.delattr(ponder_data.grid, "bitmap_kernels", raising=False)
    grid_sample(torch.rand(2000, 3), 0.1)
    assert kernels not in sys.modules
    if has_numba():
        grid_sample(torch.rand(LEAST_POINTS, 3), 0.1)
        assert kernels in sys.modules
