"""Rulebooks: which cell feeds which, through which offset of a kernel.

Offsets of a kernel are numbered with x slowest and z fastest. Missing neighbours hold the number of cells,
one past the last row, so that a row of zeros appended to the features stands for them.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Int32, Int64
from torch import Tensor

from ponder_encoders.sparse.keys import BEYOND, REACH, key_step, pack_keys, unpack_keys

_TURNED_AT_ONCE = 9


class NeighbourTable:
    """Neighbours of each cell under an odd kernel, for convolutions whose outputs are the input's own cells.

    Attributes:
        rows: row of the neighbour at each offset, or the number of cells where there is none.
    """

    def __init__(self, rows: Int32[Tensor, "cells volume"]) -> None:
        self.rows = rows

    @property
    def cells(self) -> int:
        """Number of cells."""
        return self.rows.shape[0]

    @property
    def volume(self) -> int:
        """Number of offsets in the kernel."""
        return self.rows.shape[1]

    @cached_property
    def pairs(self) -> list[tuple[Int64[Tensor, " pairs"], Int64[Tensor, " pairs"]]]:
        """For each offset the rows of the cells that have a neighbour there: (of the neighbour, of the cell).

        Held as int64: PyTorch adds rows several times faster by those than by int32.
        """
        result = []
        # A few offsets at a time: reading along a column of the table is slow, and a turned copy as large as it.
        for columns in self.rows.split(_TURNED_AT_ONCE, dim=1):
            for column in columns.t().contiguous():
                cells = (column < self.cells).nonzero().squeeze(1)
                result.append((column.index_select(0, cells).to(torch.int64), cells))
        return result

    @cached_property
    def padded_pairs(self) -> tuple[Int32[Tensor, "2 volume cells"], Int32[Tensor, " volume"]]:
        """:attr:`pairs` in one tensor, each offset filled up with -1, and the number of real ones."""
        counts = torch.tensor([cells.shape[0] for _, cells in self.pairs], dtype=torch.int32)
        result = self.rows.new_full((2, self.volume, self.cells), -1)
        for offset, (neighbours, cells) in enumerate(self.pairs):
            result[0, offset, : cells.shape[0]] = neighbours
            result[1, offset, : cells.shape[0]] = cells
        return result, counts.to(self.rows.device)


def check_kernel_size(kernel_size: int) -> None:
    """Raise ``ValueError`` unless a kernel has a centre and stays within the reach of keys."""
    if kernel_size % 2 == 0 or not 1 <= kernel_size <= 2 * REACH + 1:
        raise ValueError(
            f"a submanifold convolution needs an odd kernel size up to {2 * REACH + 1}, not {kernel_size}"
        )


def neighbour_table(keys: Int64[Tensor, " cells"], kernel_size: int) -> NeighbourTable:
    """Look up the neighbours of every cell under a cubic kernel of odd size.

    For each (dx, dy) one binary search finds the lower end of the neighbouring z-column; the other cells of
    that column are found by stepping on. The kernel is point-symmetric (if b is a's neighbour at offset k,
    a is b's at the mirrored one), so only half the columns are searched: 5 searches for 3^3, 13 for 5^3.

    Args:
        keys: sorted, without duplicates.
        kernel_size: odd, at most ``2 * REACH + 1``.

    Returns:
        Table of ``kernel_size ** 3`` offsets.
    """
    check_kernel_size(kernel_size)
    radius, volume, cells = kernel_size // 2, kernel_size**3, keys.shape[0]
    own_rows = torch.arange(cells, dtype=torch.int32, device=keys.device)
    padded_keys = torch.cat([keys, keys.new_full((kernel_size,), BEYOND)])
    rows = torch.empty(cells, volume, dtype=torch.int32, device=keys.device)
    for column in range(kernel_size**2 // 2 + 1):
        dx, dy = column // kernel_size - radius, column % kernel_size - radius
        centre = (dx, dy) == (0, 0)
        # One more entry than cells: where a lookup misses, its mirror image is written there and dropped.
        here = torch.full((kernel_size, cells + 1), cells, dtype=torch.int32, device=keys.device)
        there = here if centre else here.clone()
        wanted = keys + key_step(dx, dy, -radius)
        found = torch.searchsorted(keys, wanted)
        for level in range(radius if centre else kernel_size):
            hit = padded_keys[found] == wanted
            neighbour = torch.where(hit, found, cells)
            here[level, :cells] = neighbour
            there[kernel_size - 1 - level].scatter_(0, neighbour, own_rows)
            found, wanted = found + hit, wanted + 1
        if centre:
            here[radius, :cells] = own_rows
        first = column * kernel_size
        rows[:, first : first + kernel_size] = here[:, :cells].t()
        rows[:, volume - first - kernel_size : volume - first] = there[:, :cells].t()
    return NeighbourTable(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildTable:
    """How the cells of one level fall into the cells, twice as large, of the next.

    Attributes:
        coarse_keys: sorted keys of the large cells.
        parent: row of the large cell that holds each small one.
        slot: which eighth of it: ``4 * (x odd) + 2 * (y odd) + (z odd)``.
        children: rows of the eight small cells in each large one, or the number of small cells where there
            is none.
    """

    coarse_keys: Int64[Tensor, " coarse"]
    parent: Int64[Tensor, " fine"]
    slot: Int64[Tensor, " fine"]
    children: Int32[Tensor, "coarse 8"]


def child_table(keys: Int64[Tensor, " fine"]) -> ChildTable:
    """Group sorted cells into cells twice as large: ``floor(coordinate / 2)``, also for negative ones."""
    scene, coordinates = unpack_keys(keys)
    odd = coordinates & 1
    slot = odd[:, 0] * 4 + odd[:, 1] * 2 + odd[:, 2]
    coarse_keys, parent = torch.unique(pack_keys(scene, coordinates >> 1), return_inverse=True)
    fine = keys.shape[0]
    children = torch.full((coarse_keys.shape[0] * 8,), fine, dtype=torch.int32, device=keys.device)
    children[parent * 8 + slot] = torch.arange(fine, dtype=torch.int32, device=keys.device)
    return ChildTable(coarse_keys=coarse_keys, parent=parent, slot=slot, children=children.view(-1, 8))
