"""What every point encoder takes: packed points on an integer grid."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class PointBatch:
    """Packed points of several scenes: row ``i`` of scene ``b`` lies in ``offsets[b - 1] : offsets[b]``.

    Attributes:
        grid_coord: integer cell of each point; no two points of one scene share a cell.
        features: what the encoder reads of each point.
        offsets: cumulative number of points; the last is the total.
    """

    grid_coord: Int[Tensor, "points 3"]
    features: Float[Tensor, "points channels"]
    offsets: Int[Tensor, " batch"]
