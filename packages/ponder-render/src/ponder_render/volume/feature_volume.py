"""Feature volumes: packed point features pooled into a regular grid over a box (Eq. 2).

Cell ``i`` of ``n`` covers ``[lower + i * s, lower + (i + 1) * s)`` with ``s = size / n``, and its value sits
at the cell's centre, here and in the trilinear query. Points on the upper face of the box belong to the last
cell.
"""

from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ponder_render.bounds import Bounds

Reduction = Literal["mean", "sum", "max"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledPoints:
    """Points pooled into cells.

    Attributes:
        features: zero in empty cells.
        count: points in each cell.
        outside: points of each volume that lie outside its box and were left out.
    """

    features: Float[Tensor, "batch channels x y z"]
    count: Int[Tensor, "batch x y z"]
    outside: Int[Tensor, " batch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureVolume:
    """Feature volumes ``V`` (Eq. 3) stored channels-last, so that a trilinear corner is one contiguous row.

    Attributes:
        table: row ``((b * X + i) * Y + j) * Z + k`` holds cell ``(i, j, k)`` of volume ``b``.
        shape: cells along x, y and z.
        bounds: the box of each volume, world metres.
        count: input points in each cell.
        appearance: further channels of the same cells that the heads read instead of ``table``, which then is the SDF
            network's alone (``FieldConfig.appearance_channels``); None: all networks read ``table``.

    Raises:
        ValueError: when a table is not contiguous, or has another number of rows than the boxes have cells.
    """

    table: Float[Tensor, "cells channels"]
    shape: tuple[int, int, int]
    bounds: Bounds
    count: Int[Tensor, "batch x y z"]
    appearance: Float[Tensor, "cells appearance_channels"] | None = None

    def __post_init__(self) -> None:
        self._check_table(self.table)
        if self.appearance is not None:
            self._check_table(self.appearance)

    def _check_table(self, table: Tensor) -> None:
        x, y, z = self.shape
        if table.shape[0] != len(self.bounds) * x * y * z:
            raise ValueError(
                f"the table has {table.shape[0]} rows but {len(self.bounds)} volumes of {x} x {y} x {z} "
                "cells have one each; build it with to_table"
            )
        if not table.is_contiguous():
            raise ValueError(
                f"the table's strides are {table.stride()}, and queries would copy all of it every "
                "time; build it with to_table, or call contiguous()"
            )

    @property
    def channels_first(self) -> Float[Tensor, "batch channels x y z"]:
        """The volumes of ``table`` as convolutions see them (a view)."""
        return self.table.view(len(self.bounds), *self.shape, -1).permute(0, 4, 1, 2, 3)

    def to_dtype(self, dtype: torch.dtype) -> "FeatureVolume":
        """The same volumes stored in another precision, such as bfloat16; differentiable. Queries widen it again."""
        appearance = None if self.appearance is None else self.appearance.to(dtype)
        return replace(self, table=self.table.to(dtype), appearance=appearance)


def to_table(volume: Float[Tensor, "batch channels x y z"]) -> Float[Tensor, "batch*x*y*z channels"]:
    """Rows of a volume, one per cell; no copy where it is already stored channels-last."""
    return volume.permute(0, 2, 3, 4, 1).reshape(-1, volume.shape[1]).contiguous()


def densify(
    features: Float[Tensor, "points channels"],
    coord: Float[Tensor, "points 3"],
    offsets: Int[Tensor, " batch"],
    bounds: Bounds,
    shape: tuple[int, int, int],
    reduce: Reduction = "mean",
) -> PooledPoints:
    """Pool packed point features into ``shape`` cells over each box (densification before Eq. 3).

    Deterministic on every device: points are sorted by cell and reduced run by run, without atomics.
    Differentiable in ``features``. The result is stored channels-last. Half precision is added up in float32.

    Args:
        features: one row per point.
        coord: world metres; NaN counts as outside.
        offsets: cumulative points per volume.
        bounds: one box per volume.
        shape: cells along x, y and z.
        reduce: how the points of one cell are joined.

    Raises:
        ValueError: when ``offsets`` and ``bounds`` disagree, or a side has no cell.
    """
    _check_packing(coord, offsets, bounds, shape)
    batch, channels, cells = len(bounds), features.shape[1], shape[0] * shape[1] * shape[2]
    volume_index = torch.searchsorted(offsets, torch.arange(coord.shape[0], device=coord.device), right=True)
    cell, inside = _cell_of(coord, volume_index, bounds, shape)
    row = (volume_index * cells + cell)[inside]
    sorted_row, order = torch.sort(row, stable=True)
    kept = inside.nonzero()[:, 0][order]
    filled, counts = torch.unique_consecutive(sorted_row, return_counts=True)
    wide = features.float() if features.dtype in (torch.bfloat16, torch.float16) else features
    pooled = F.embedding_bag(kept, wide, counts.cumsum(0) - counts, mode=reduce).to(features.dtype)
    table = features.new_zeros(batch * cells, channels).index_copy(0, filled, pooled)
    count = counts.new_zeros(batch * cells).index_copy(0, filled, counts)
    outside = torch.bincount(volume_index[~inside], minlength=batch)
    return PooledPoints(
        features=table.view(batch, *shape, channels).permute(0, 4, 1, 2, 3),
        count=count.view(batch, *shape),
        outside=outside,
    )


def _cell_of(
    coord: Float[Tensor, "points 3"],
    volume_index: Int[Tensor, " points"],
    bounds: Bounds,
    shape: tuple[int, int, int],
) -> tuple[Int[Tensor, " points"], Bool[Tensor, " points"]]:
    """The cell of each point within its volume, and whether it lies in the box at all."""
    lower, upper = bounds.lower.to(coord)[volume_index], bounds.upper.to(coord)[volume_index]
    inside = ((coord >= lower) & (coord <= upper)).all(dim=1)
    sides = torch.tensor(shape, device=coord.device)
    relative = torch.where(inside[:, None], (coord - lower) / (upper - lower), torch.zeros_like(coord))
    index = torch.minimum((relative * sides).floor().long(), sides - 1)
    return (index[:, 0] * shape[1] + index[:, 1]) * shape[2] + index[:, 2], inside


def _check_packing(coord: Tensor, offsets: Tensor, bounds: Bounds, shape: tuple[int, int, int]) -> None:
    if min(shape) < 1:
        raise ValueError(f"a volume of {shape} cells has a side without cells; every side needs at least 1")
    if offsets.shape[0] != len(bounds):
        raise ValueError(
            f"offsets name {offsets.shape[0]} clouds but there are {len(bounds)} boxes; give one each"
        )
    if offsets.shape[0] and int(offsets[-1]) != coord.shape[0]:
        raise ValueError(
            f"offsets end at {int(offsets[-1])} but there are {coord.shape[0]} points; they must agree"
        )
