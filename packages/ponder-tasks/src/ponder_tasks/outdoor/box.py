"""The box about the vehicle: outdoors every volume lies at the same place in the LiDAR's frame."""

import math

import torch
from jaxtyping import Bool, Float
from ponder_render import Bounds
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor


class BoxConfig(BaseModel):
    """Two corners of the box, metres in the LiDAR's frame (x right, y forward, z up, the sensor at the origin).

    The defaults are the published ones for nuScenes, whose LiDAR is 1.84 m above the road.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    lower: tuple[float, float, float] = Field(default=(-54.0, -54.0, -5.0), description="lowest corner")
    upper: tuple[float, float, float] = Field(default=(54.0, 54.0, 3.0), description="highest corner")

    @model_validator(mode="after")
    def _has_a_volume(self) -> "BoxConfig":
        if not all(math.isfinite(b - a) and a < b for a, b in zip(self.lower, self.upper, strict=True)):
            raise ValueError(f"the box from {self.lower} to {self.upper} has no volume; give lower < upper")
        return self

    def bounds(self, batch: int, like: Float[Tensor, "..."]) -> Bounds:
        """Return the same box for each of ``batch`` volumes, on the device of ``like`` and in its precision."""
        corners = torch.tensor((self.lower, self.upper), dtype=like.dtype, device=like.device)
        return Bounds(lower=corners[0].expand(batch, 3), upper=corners[1].expand(batch, 3))

    def contains(self, coord: Float[Tensor, "points 3"]) -> Bool[Tensor, " points"]:
        """Return which points lie in the box, its faces included."""
        bounds = self.bounds(1, coord)
        return ((coord >= bounds.lower) & (coord <= bounds.upper)).all(dim=1)
