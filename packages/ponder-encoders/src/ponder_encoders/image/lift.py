"""What turns features of images into a volume of features: the interface that all lifts share."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from ponder_encoders.image.cameras import CameraBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftedVolume:
    """Features of images, spread over the cells of a volume.

    Attributes:
        volume: features over the grid of the lift, zero where no camera has anything to say.
        depth_logits: of each feature pixel, over the depth bins of the lift; ``None`` for lifts that predict no depth.
    """

    volume: Float[Tensor, "batch channels x y z"]
    depth_logits: Float[Tensor, "batch cameras bins rows columns"] | None = None


@runtime_checkable
class Lift(Protocol):
    """Features of every camera to one volume per scene.

    The stride of the features and the grid of the volume are arguments of each lift's constructor. Feature row ``i``
    of stride ``s`` lies at the image row ``(i + 0.5) s - 0.5``, and columns likewise (see ``cameras.py`` for images).
    """

    def __call__(
        self, features: Float[Tensor, "batch cameras channels rows columns"], cameras: CameraBatch
    ) -> LiftedVolume:
        """Lift the features of the images in ``cameras``."""
        ...
