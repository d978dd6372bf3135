"""The volume source: what turns a batch's sensor readings into features in the cells of the box about the vehicle.

LiDAR, cameras and both together differ in nothing else: whatever the source, one renderer's 3x3x3 convolution makes
the feature volume of its cells (Eq. 3), and the same rays are rendered of it.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from ponder_render import LossTerm
from torch import Tensor, nn

from ponder_tasks.outdoor.batch import StreetBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFeatures:
    """Features in the cells of the box, cell ``(i, j, k)`` counted from its lower corner along x, y and z.

    Attributes:
        features: zero where nothing is known.
        count: how many measurements stand behind each cell.
        terms: what the source itself has to learn beside rendering, in training.
    """

    features: Float[Tensor, "batch channels x y z"]
    count: Int[Tensor, "batch x y z"]
    terms: tuple[LossTerm, ...] = ()


class VolumeSource(nn.Module, ABC):
    """Turns a batch into :class:`CellFeatures` of ``out_channels``, on the renderer's cells of the recipe's box.

    ``forward`` may mask in training mode and must not in evaluation. Its result need not be float32.
    """

    out_channels: int

    @abstractmethod
    def forward(self, batch: StreetBatch, generator: torch.Generator | None = None) -> CellFeatures:
        """Return the features of all cells of each scene of ``batch``; what is random is drawn from ``generator``."""

    @abstractmethod
    def backend(self) -> str:
        """Return what computes it, for the run's record."""
