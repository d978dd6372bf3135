"""What is written of a prediction for viewers of clouds."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class ColoredPoints:
    """Points (metres, in the frame of the scene as it was given) and their colours in [0, 1]."""

    coord: Float[Tensor, "points 3"]
    color: Float[Tensor, "points 3"]
