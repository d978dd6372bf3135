"""Rulebooks against loops over dictionaries."""

from collections.abc import Callable
from itertools import product

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ponder_encoders.sparse.backend import SparseBackend
from ponder_encoders.sparse.backend_torch import TorchBackend
from ponder_encoders.sparse.keys import pack_keys, unpack_keys
from ponder_encoders.sparse.rulebook import child_table, neighbour_table
from ponder_encoders.sparse.tensor import OccupiedCells
from torch import Tensor

small = st.integers(-4, 4)
some_cells = st.sets(st.tuples(st.integers(0, 1), small, small, small), min_size=1, max_size=60)


def sorted_keys(cells: set[tuple[int, int, int, int]]) -> Tensor:
    table = torch.tensor(sorted(cells))
    return pack_keys(table[:, 0], table[:, 1:])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=some_cells, kernel_size=st.sampled_from([1, 3, 5]))
def test_neighbours_are_those_a_loop_finds(
    backend: SparseBackend, cells: set[tuple[int, int, int, int]], kernel_size: int
) -> None:
    row = {cell: index for index, cell in enumerate(sorted(cells))}
    reach = range(-(kernel_size // 2), kernel_size // 2 + 1)
    expected = [
        [row.get((scene, x + dx, y + dy, z + dz), len(cells)) for dx, dy, dz in product(reach, reach, reach)]
        for scene, x, y, z in sorted(cells)
    ]
    assert backend.neighbour_table(sorted_keys(cells), kernel_size).rows.tolist() == expected


@settings(max_examples=20, deadline=None)
@given(some_cells)
def test_pairs_say_the_same_as_the_table(cells: set[tuple[int, int, int, int]]) -> None:
    table = neighbour_table(sorted_keys(cells), 3)
    padded, counts = table.padded_pairs
    for offset, (neighbours, rows) in enumerate(table.pairs):
        expected = [(n, i) for i, n in enumerate(table.rows[:, offset].tolist()) if n < len(cells)]
        assert list(zip(neighbours.tolist(), rows.tolist(), strict=True)) == expected
        assert counts[offset] == len(expected)
        assert padded[:, offset, : len(expected)].t().tolist() == [list(pair) for pair in expected]
        assert (padded[:, offset, len(expected) :] == -1).all()


@settings(max_examples=40, deadline=None)
@given(some_cells)
def test_children_are_those_a_loop_finds(cells: set[tuple[int, int, int, int]]) -> None:
    ordered = sorted(cells)
    table = child_table(sorted_keys(cells))
    parents = sorted({(scene, x // 2, y // 2, z // 2) for scene, x, y, z in ordered})
    scene, coordinates = unpack_keys(table.coarse_keys)
    assert [(s, *c) for s, c in zip(scene.tolist(), coordinates.tolist(), strict=True)] == parents
    expected = [[len(cells)] * 8 for _ in parents]
    for index, (s, x, y, z) in enumerate(ordered):
        parent, slot = parents.index((s, x // 2, y // 2, z // 2)), 4 * (x % 2) + 2 * (y % 2) + z % 2
        expected[parent][slot] = index
        assert (table.parent[index], table.slot[index]) == (parent, slot)
    assert table.children.tolist() == expected


@pytest.mark.parametrize("kernel_size", [2, 0, 19])
def test_kernels_without_a_centre_or_too_large_are_refused(backend: SparseBackend, kernel_size: int) -> None:
    with pytest.raises(ValueError, match=f"odd kernel size up to 17, not {kernel_size}"):
        backend.neighbour_table(torch.tensor([0]), kernel_size)


def test_rulebooks_are_built_once_and_shared(make_cells: Callable[..., OccupiedCells]) -> None:
    cells, backend = make_cells(0), TorchBackend()
    assert cells.neighbours(3, backend) is cells.neighbours(3, backend)
    assert cells.children() is cells.children()
    assert cells.coarser() is cells.coarser()
