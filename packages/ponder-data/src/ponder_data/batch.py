"""The batch: several scenes packed into one, as the encoders take them.

Points are packed, never padded: row ``i`` of scene ``b`` lies in ``offsets[b - 1] : offsets[b]``.
"""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from ponder_data.rays import Rays


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Packed points of several scenes, and the rays to render for them.

    Attributes:
        coord: metres, the (augmented) world frame of each scene.
        grid_coord: integer cell of each point, non-negative within each scene.
        features: what the encoder reads, 6 channels: colour scaled to [-1, 1], then the unit normal.
        offsets: cumulative number of points; the last is the total.
        lower, upper: corners of each scene's axis-aligned bounds before points were dropped, metres.
        semantic: class of each point, -1 where unknown.
        instance: instance of each point, -1 where none.
        rays: rays of all scenes, or None where nothing is rendered.
        names, datasets: one per scene.
    """

    coord: Float[Tensor, "points 3"]
    grid_coord: Int[Tensor, "points 3"]
    features: Float[Tensor, "points channels"]
    offsets: Int[Tensor, " batch"]
    lower: Float[Tensor, "batch 3"]
    upper: Float[Tensor, "batch 3"]
    semantic: Int[Tensor, " points"]
    instance: Int[Tensor, " points"]
    rays: Rays | None
    names: tuple[str, ...]
    datasets: tuple[str, ...]

    def __len__(self) -> int:
        return self.offsets.shape[0]
