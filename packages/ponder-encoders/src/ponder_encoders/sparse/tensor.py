"""Sparse tensors: features of occupied cells, and the rulebooks of those cells shared by every layer."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int, Int64
from torch import Tensor

from ponder_encoders.point_batch import PointBatch, scene_lengths
from ponder_encoders.sparse.backend import SparseBackend
from ponder_encoders.sparse.keys import check_range, first_keys, pack_keys, unpack_keys
from ponder_encoders.sparse.rulebook import ChildTable, NeighbourTable, child_table
from ponder_encoders.sparse.strided_rulebook import (
    HALVING,
    StridedGeometry,
    StridedRulebook,
    Triple,
    strided_rulebook,
)


class OccupiedCells:
    """The occupied cells of one resolution, and their rulebooks, each built once on first use.

    Layers at one resolution share this object, and so its rulebooks; the resolutions that strided convolutions
    lead to hang on it, one for each kernel, stride and padding.

    Attributes:
        keys: sorted keys of the cells; see :mod:`ponder_encoders.sparse.keys`.
        shape: cells of the grid along x, y and z, which then holds cells ``0 .. shape - 1`` only and drops what a
            strided convolution would write outside. None: cells may lie anywhere.
    """

    def __init__(self, keys: Int64[Tensor, " cells"], shape: Triple | None = None) -> None:
        self.keys = keys
        self.shape = shape
        self._neighbours: dict[int, NeighbourTable] = {}
        self._children: ChildTable | None = None
        self._coarser: OccupiedCells | None = None
        self._strided: dict[StridedGeometry, tuple[OccupiedCells, StridedRulebook]] = {}
        self._scene_lengths: dict[int, tuple[int, ...]] = {}

    def __len__(self) -> int:
        """Number of occupied cells."""
        return self.keys.shape[0]

    def scene_and_coordinates(self) -> tuple[Int64[Tensor, " cells"], Int64[Tensor, "cells 3"]]:
        """Scene of each cell, and where it lies, in cells of this resolution."""
        return unpack_keys(self.keys)

    def neighbours(self, kernel_size: int, backend: SparseBackend) -> NeighbourTable:
        """The neighbours of each cell under a cubic kernel of odd size; the backend only says who looks them up."""
        if kernel_size not in self._neighbours:
            self._neighbours[kernel_size] = backend.neighbour_table(self.keys, kernel_size)
        return self._neighbours[kernel_size]

    def children(self) -> ChildTable:
        """How these cells fall into the cells of :meth:`coarser`."""
        if self._children is None:
            self._children = child_table(self.keys)
        return self._children

    def coarser(self) -> "OccupiedCells":
        """The occupied cells of the next resolution, whose cells are twice as large; no cell is dropped."""
        if self._coarser is None:
            shape = self.shape and (
                (self.shape[0] + 1) // 2,
                (self.shape[1] + 1) // 2,
                (self.shape[2] + 1) // 2,
            )
            self._coarser = OccupiedCells(self.children().coarse_keys, shape)
        return self._coarser

    def halved_by(self, geometry: StridedGeometry) -> bool:
        """Whether that convolution leads to :meth:`coarser`: kernel 2, stride 2, and no half cells to drop."""
        return geometry == HALVING and (self.shape is None or all(extent % 2 == 0 for extent in self.shape))

    def strided(self, geometry: StridedGeometry) -> tuple["OccupiedCells", StridedRulebook]:
        """The cells that a convolution of that geometry reaches, and its rulebook.

        Raises:
            ValueError: the kernel does not fit into the grid, or cells leave the range of keys.
        """
        if geometry not in self._strided:
            shape = None if self.shape is None else geometry.output_shape(self.shape)
            keys, rulebook = strided_rulebook(self.keys, geometry, shape)
            cells = self.coarser() if self.halved_by(geometry) else OccupiedCells(keys, shape)
            self._strided[geometry] = cells, rulebook
        return self._strided[geometry]

    def reached_by(self, geometry: StridedGeometry) -> "OccupiedCells":
        """The cells that a convolution of that geometry leads to."""
        return self.coarser() if self.halved_by(geometry) else self.strided(geometry)[0]

    def scene_lengths(self, scenes: int) -> tuple[int, ...]:
        """Number of cells of each of ``scenes`` scenes, one after the other (one wait for the device)."""
        if scenes not in self._scene_lengths:
            starts = torch.searchsorted(self.keys, first_keys(scenes + 1, self.keys.device))
            self._scene_lengths[scenes] = tuple(starts.diff().tolist())
        return self._scene_lengths[scenes]


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseTensor:
    """Features of occupied cells, in the order of their keys.

    Attributes:
        features: one row for each cell.
        cells: which cells these are.
        backend: what computes convolutions of this tensor.
    """

    features: Float[Tensor, "cells channels"]
    cells: OccupiedCells
    backend: SparseBackend

    def with_features(self, features: Float[Tensor, "cells other"]) -> "SparseTensor":
        """The same cells with other features."""
        return replace(self, features=features)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOrder:
    """How the rows of a batch and its cells, which are sorted by key, belong together.

    Attributes:
        cells: the occupied cells.
        order: row of the batch that each cell comes from.
        inverse: cell of each row of the batch.
    """

    cells: OccupiedCells
    order: Int64[Tensor, " points"]
    inverse: Int64[Tensor, " points"]


def scene_of_points(offsets: Int[Tensor, " batch"], points: int) -> Int64[Tensor, " points"]:
    """Scene index of every packed point.

    Raises:
        ValueError: offsets decrease, or the last is not the number of points.
    """
    lengths = torch.tensor(scene_lengths(offsets, points), device=offsets.device)
    return torch.repeat_interleave(
        torch.arange(lengths.shape[0], device=offsets.device), lengths, output_size=points
    )


def check_shape(coordinates: Int[Tensor, "cells 3"], shape: Triple) -> None:
    """Raise ``ValueError`` where cells lie outside ``0 .. shape - 1``."""
    outside = int(((coordinates < 0) | (coordinates >= coordinates.new_tensor(shape))).any(dim=1).sum())
    if outside:
        raise ValueError(
            f"{outside} of {coordinates.shape[0]} cells lie outside the grid of {shape} cells: "
            "drop those points first, or enlarge the grid"
        )


def order_cells(batch: PointBatch, shape: Triple | None = None) -> CellOrder:
    """Sort the points of a batch by cell.

    Args:
        batch: packed points.
        shape: of the grid that bounds the cells; see :class:`OccupiedCells`.

    Raises:
        ValueError: no points; cells that do not fit into keys, or lie outside ``shape``; two points of one scene
            in the same cell.
    """
    points = batch.grid_coord.shape[0]
    if points == 0:
        raise ValueError(
            f"the batch has no points (offsets {batch.offsets.tolist()}): drop empty batches before"
        )
    scene = scene_of_points(batch.offsets, points)
    check_range(batch.grid_coord, batch.offsets.shape[0])
    if shape is not None:
        check_shape(batch.grid_coord, shape)
    keys, order = torch.sort(pack_keys(scene, batch.grid_coord))
    duplicates = int((keys[1:] == keys[:-1]).sum())
    if duplicates:
        raise ValueError(
            f"{duplicates} of {points} points share a cell with another point of their scene: "
            "grid-sample the points first, so that each cell holds one"
        )
    inverse = torch.empty_like(order)
    inverse[order] = torch.arange(points, device=order.device)
    return CellOrder(cells=OccupiedCells(keys, shape), order=order, inverse=inverse)
