"""Rays: pixels of posed views as half-lines in the world, with what the sensors measured there.

A ray is ``p(t) = origin + t * direction`` with a direction of unit length, so ``t`` is the distance from the camera
in metres and not the z-depth; a pixel's z-depth is ``t * cosine``.
"""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Rays:
    """Rays of a batch and their targets.

    Attributes:
        origin: metres, world frame.
        direction: unit vectors, world frame.
        scene_index: which scene of the batch each ray belongs to.
        color: the pixel's colour in [0, 1].
        distance: sensed distance along the ray in metres (z-depth / cosine), 0 where missing.
        cosine: cosine of the angle between the ray and the camera's axis.
        semantic: the pixel's class, -1 where unknown.
    """

    origin: Float[Tensor, "rays 3"]
    direction: Float[Tensor, "rays 3"]
    scene_index: Int[Tensor, " rays"]
    color: Float[Tensor, "rays 3"]
    distance: Float[Tensor, " rays"]
    cosine: Float[Tensor, " rays"]
    semantic: Int[Tensor, " rays"]

    def __len__(self) -> int:
        return self.origin.shape[0]
