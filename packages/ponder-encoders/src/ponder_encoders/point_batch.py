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

    Raises:
        ValueError: the tensors do not fit each other (lengths, axes or devices).
    """

    grid_coord: Int[Tensor, "points 3"]
    features: Float[Tensor, "points channels"]
    offsets: Int[Tensor, " batch"]

    def __post_init__(self) -> None:
        """Check what the shapes alone can tell; values are checked where the points are first used."""
        shapes = (
            f"grid_coord {tuple(self.grid_coord.shape)}, features {tuple(self.features.shape)}, "
            f"offsets {tuple(self.offsets.shape)}"
        )
        if self.grid_coord.ndim != 2 or self.grid_coord.shape[1] != 3 or self.features.ndim != 2:
            raise ValueError(
                f"a PointBatch needs grid_coord (points, 3) and features (points, channels): {shapes}"
            )
        if self.grid_coord.shape[0] != self.features.shape[0]:
            raise ValueError(f"grid_coord and features must have one row for each point: {shapes}")
        if self.offsets.ndim != 1 or self.offsets.shape[0] == 0:
            raise ValueError(f"offsets must hold the cumulative number of points of each scene: {shapes}")
        devices = {str(t.device) for t in (self.grid_coord, self.features, self.offsets)}
        if len(devices) > 1:
            raise ValueError(
                f"grid_coord, features and offsets must lie on one device, not on {sorted(devices)}"
            )


def scene_lengths(offsets: Int[Tensor, " batch"], points: int) -> tuple[int, ...]:
    """Number of points of every packed scene, as plain numbers (one wait for the device).

    Raises:
        ValueError: offsets decrease, or the last is not the number of points.
    """
    ends: list[int] = offsets.tolist()
    starts = [0, *ends[:-1]]
    if ends[-1] != points or any(end < start for start, end in zip(starts, ends, strict=True)):
        shown = ends if len(ends) <= 8 else [*ends[:4], "...", *ends[-3:]]
        raise ValueError(
            f"offsets must rise to the number of points, {points}, and never fall, but are {shown}"
        )
    return tuple(end - start for start, end in zip(starts, ends, strict=True))
