"""Occupied cells as int64 keys: scene, x, y and z packed so that sorting the keys sorts the cells.

Scene is the slowest part and z the fastest, so a step of one cell along an axis is the addition of a
constant, and the cells of one z-column lie next to each other. Both are what makes neighbour tables cheap
to build.
"""

import torch
from jaxtyping import Int, Int64
from torch import Tensor

AXIS_BITS = 17
SCENE_BITS = 63 - 3 * AXIS_BITS
# No kernel reaches further than this many cells, so that a neighbour's key never spills into the next axis.
REACH = 8
LARGEST_COORDINATE = (1 << (AXIS_BITS - 1)) - 1 - REACH
LARGEST_SCENE = (1 << SCENE_BITS) - 2
# Greater than every key and every neighbour's key.
BEYOND = (1 << 63) - 1

_BIAS = 1 << (AXIS_BITS - 1)
_AXIS_MASK = (1 << AXIS_BITS) - 1


def key_step(dx: int, dy: int, dz: int) -> int:
    """What to add to a cell's key to get the key of the cell ``(dx, dy, dz)`` further on."""
    return (dx << (2 * AXIS_BITS)) + (dy << AXIS_BITS) + dz


def pack_keys(scene: Int[Tensor, " cells"], coordinates: Int[Tensor, "cells 3"]) -> Int64[Tensor, " cells"]:
    """Pack scene index and cell coordinates (negative ones too) into one key; see :func:`check_range`."""
    x, y, z = (coordinates.to(torch.int64) + _BIAS).unbind(1)
    return (((scene.to(torch.int64) << AXIS_BITS | x) << AXIS_BITS) | y) << AXIS_BITS | z


def unpack_keys(keys: Int64[Tensor, " cells"]) -> tuple[Int64[Tensor, " cells"], Int64[Tensor, "cells 3"]]:
    """Scene index and cell coordinates of each key: the inverse of :func:`pack_keys`."""
    axes = [(keys >> (shift * AXIS_BITS)) & _AXIS_MASK for shift in (2, 1, 0)]
    return keys >> (3 * AXIS_BITS), torch.stack(axes, dim=1) - _BIAS


def first_keys(scenes: int, device: torch.device) -> Int64[Tensor, " scenes"]:
    """For each of ``scenes``, a key that none of its own lies below and all of the scenes before do."""
    return torch.arange(scenes, device=device) << (3 * AXIS_BITS)


def check_range(coordinates: Int[Tensor, "cells 3"], scenes: int, name: str = "grid_coord spans") -> None:
    """Raise ``ValueError`` with the extents where cells or scenes do not fit into a key; ``name`` says whose."""
    lowest, highest = coordinates.amin(dim=0).tolist(), coordinates.amax(dim=0).tolist()
    if min(lowest) < -LARGEST_COORDINATE or max(highest) > LARGEST_COORDINATE:
        extents = ", ".join(
            f"{axis} {low}..{high}" for axis, low, high in zip("xyz", lowest, highest, strict=True)
        )
        raise ValueError(
            f"{name} {extents}, but cells must lie within "
            f"-{LARGEST_COORDINATE}..{LARGEST_COORDINATE}: subtract each scene's minimum, or use larger cells"
        )
    if scenes > LARGEST_SCENE + 1:
        raise ValueError(
            f"a batch holds at most {LARGEST_SCENE + 1} scenes, not {scenes}: use smaller batches"
        )
