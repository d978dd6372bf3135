"""What encoders of continuous points take: packed positions in metres, not yet on a grid."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionBatch:
    """Packed points of several scenes: row ``i`` of scene ``b`` lies in ``offsets[b - 1] : offsets[b]``.

    Unlike a :class:`ponder_encoders.PointBatch`, points may lie anywhere, and on top of each other.

    Attributes:
        positions: in metres, in any right-handed frame.
        features: what is known of each point beside its position; may have no channels.
        offsets: cumulative number of points; the last is the total. A scene may have none.

    Raises:
        ValueError: the tensors do not fit each other (lengths, axes or devices).
    """

    positions: Float[Tensor, "points 3"]
    features: Float[Tensor, "points channels"]
    offsets: Int[Tensor, " batch"]

    def __post_init__(self) -> None:
        """Check what the shapes alone can tell; values are checked where the points are first used."""
        shapes = (
            f"positions {tuple(self.positions.shape)}, features {tuple(self.features.shape)}, "
            f"offsets {tuple(self.offsets.shape)}"
        )
        if self.positions.ndim != 2 or self.positions.shape[1] != 3 or self.features.ndim != 2:
            raise ValueError(
                f"a PositionBatch needs positions (points, 3) and features (points, channels): {shapes}"
            )
        if self.positions.shape[0] != self.features.shape[0]:
            raise ValueError(f"positions and features must have one row for each point: {shapes}")
        if self.offsets.ndim != 1 or self.offsets.shape[0] == 0:
            raise ValueError(f"offsets must hold the cumulative number of points of each scene: {shapes}")
        devices = {str(t.device) for t in (self.positions, self.features, self.offsets)}
        if len(devices) > 1:
            raise ValueError(
                f"positions, features and offsets must lie on one device, not on {sorted(devices)}"
            )
