from collections import defaultdict
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_data import Scene, grid_fragments, grid_sample, sample_scene, scene_fragments
from torch import Tensor


def slow_cells(coord: Tensor, cell: float) -> list[tuple[int, ...]]:
    """Return the cell of every point, counted from the lowest, by a loop over exact doubles."""
    raw = [[int((float(x) / cell) // 1) for x in point] for point in coord]
    low = [min(cells[axis] for cells in raw) for axis in range(3)]
    return [tuple(cells[axis] - low[axis] for axis in range(3)) for cells in raw]


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    points=st.integers(1, 60),
    cell=st.sampled_from([0.02, 0.1, 0.37, 5.0]),
    random=st.booleans(),
)
def test_grid_sample_equals_a_loop(seed: int, points: int, cell: float, random: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    coord = torch.randn(points, 3, generator=generator)
    kept = grid_sample(coord, cell, generator if random else None)
    cells = slow_cells(coord, cell)
    members = defaultdict(list)
    for i, place in enumerate(cells):
        members[place].append(i)
    places = [tuple(row) for row in kept.grid_coord.tolist()]
    assert places == sorted(members)
    assert [places[row] for row in kept.inverse.tolist()] == cells
    for place, index in zip(places, kept.index.tolist(), strict=True):
        assert index in members[place] if random else index == members[place][0]


def test_every_point_of_a_cell_is_as_likely_to_be_kept() -> None:
    cells = torch.arange(6000.0)
    corner = torch.stack((cells, torch.zeros(6000), torch.zeros(6000)), dim=1)
    coord = torch.cat([corner + share for share in (0.1, 0.5, 0.9)])
    index = grid_sample(coord, 1.0, torch.Generator().manual_seed(1)).index
    share = torch.bincount(index // 6000, minlength=3) / 6000
    # 4 standard deviations of a binomial with p = 1/3
    torch.testing.assert_close(share, torch.full((3,), 1 / 3), atol=0.025, rtol=0)


def test_the_same_generator_state_keeps_the_same_points(generator: torch.Generator) -> None:
    coord = torch.rand(500, 3, generator=generator)
    first = grid_sample(coord, 0.3, torch.Generator().manual_seed(4))
    again = grid_sample(coord, 0.3, torch.Generator().manual_seed(4))
    other = grid_sample(coord, 0.3, torch.Generator().manual_seed(5))
    assert torch.equal(first.index, again.index)
    assert not torch.equal(first.index, other.index)
    assert torch.equal(first.grid_coord, other.grid_coord)


def test_floor_is_taken_in_float64() -> None:
    # The float32 below 0.17, divided by 0.01 in float32, rounds up to 17.
    below = torch.nextafter(torch.tensor(0.17), torch.tensor(0.0))
    coord = torch.tensor([[0.0, 0.0, 0.0], [float(below), 0.0, 0.0]])
    assert float(below / torch.tensor(0.01)) >= 17.0
    assert grid_sample(coord, 0.01).grid_coord.tolist() == [[0, 0, 0], [16, 0, 0]]


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("points", [70, 50_000])
def test_the_cloud_itself_stays_as_it_was(kind: torch.dtype, points: int) -> None:
    coord = torch.randn(points, 3, generator=torch.Generator().manual_seed(0), dtype=kind)
    before = coord.clone()
    kept = grid_sample(coord, 0.3, torch.Generator().manual_seed(0))
    assert torch.equal(coord, before)
    lowest = torch.floor(before.double() / 0.3).amin(dim=0)
    assert torch.equal(kept.grid_coord, (torch.floor(before[kept.index].double() / 0.3) - lowest).long())


def test_cells_may_differ_by_axis() -> None:
    coord = torch.tensor([[0.0, 0.0, 0.0], [0.3, 0.3, 0.3], [0.9, 0.9, 0.9]])
    assert grid_sample(coord, (0.25, 1.0, 0.5)).grid_coord.tolist() == [[0, 0, 0], [1, 0, 0], [3, 0, 1]]


def test_more_than_2_31_cells_are_numbered_exactly() -> None:
    coord = torch.tensor([[0.0, 0.0, 0.0], [3000.0, 3000.0, 3000.0], [3000.0, 3000.0, 2999.0]])
    kept = grid_sample(coord, 1.0)
    assert kept.grid_coord.tolist() == [[0, 0, 0], [3000, 3000, 2999], [3000, 3000, 3000]]
    assert kept.index.tolist() == [0, 2, 1]


@pytest.mark.parametrize("cell", [0.0, -0.1, float("nan"), float("inf"), (0.1, 0.0, 0.1)])
def test_a_cell_that_is_not_positive_is_refused(cell: float | tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match=r"grid cell .* positive"):
        grid_sample(torch.rand(4, 3), cell)


def test_bad_coordinates_are_refused() -> None:
    coord = torch.rand(4, 3)
    coord[2, 1] = float("nan")
    with pytest.raises(ValueError, match="1 of 4 points are NaN or infinite"):
        grid_sample(coord, 0.1)
    with pytest.raises(ValueError, match="no points"):
        grid_sample(torch.zeros(0, 3), 0.1)


def test_a_cloud_too_large_to_number_is_refused() -> None:
    coord = torch.tensor([[0.0, 0.0, 0.0], [1e9, 1e9, 1e9]])
    with pytest.raises(ValueError, match=r"spans 1e\+09 m, .*larger cells"):
        grid_sample(coord, 0.01)


def test_sample_scene_keeps_fields_together(scene: Scene) -> None:
    sampled = sample_scene(scene, 0.5)
    kept = grid_sample(scene.coord, 0.5)
    assert 2 < len(sampled) < len(scene)
    assert sampled.grid_coord is not None
    assert torch.equal(sampled.grid_coord, kept.grid_coord)
    assert torch.equal(sampled.color, scene.color[kept.index])
    assert scene.grid_coord is None


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), points=st.integers(1, 80), cell=st.sampled_from([0.1, 0.5, 2.0]))
def test_fragments_hold_one_point_per_cell_and_every_point_between_them(
    seed: int, points: int, cell: float
) -> None:
    coord = torch.randn(points, 3, generator=torch.Generator().manual_seed(seed))
    whole = grid_sample(coord, cell)
    fragments = list(grid_fragments(coord, cell))
    assert len(fragments) == int(torch.bincount(whole.inverse).max())
    for fragment in fragments:
        assert torch.equal(fragment.grid_coord, whole.grid_coord)
        assert torch.equal(fragment.inverse, whole.inverse)
        assert torch.equal(fragment.inverse[fragment.index], torch.arange(len(whole.index)))
    assert set(torch.cat([fragment.index for fragment in fragments]).tolist()) == set(range(points))


def test_fragments_of_a_scene_cover_it(scene: Scene) -> None:
    fragments = list(scene_fragments(replace(scene, instance=torch.arange(len(scene))), 0.5))
    seen = torch.cat([fragment.instance for fragment in fragments if fragment.instance is not None])
    assert torch.equal(seen.unique(), torch.arange(len(scene)))
    for fragment in fragments:
        assert fragment.grid_coord is not None
        assert fragment.instance is not None
        assert len(fragment.grid_coord.unique(dim=0)) == len(fragment)
        assert torch.equal(fragment.coord, scene.coord[fragment.instance])


def test_more_cells_than_fit_beside_a_points_number_are_sorted_alike() -> None:
    # 2^57 cells leave 6 bits for the number of a point, too few for 200; and float64 cannot hold their products.
    generator = torch.Generator().manual_seed(0)
    near = torch.rand(100, 3, generator=generator, dtype=torch.float64)
    coord = torch.cat((near, near + 2.0**19))
    kept = grid_sample(coord, 1.0)
    cells = slow_cells(coord, 1.0)
    assert [tuple(row) for row in kept.grid_coord.tolist()] == sorted(set(cells))
    assert [tuple(kept.grid_coord[row].tolist()) for row in kept.inverse] == cells
    assert kept.index.tolist() == [0, 100]
