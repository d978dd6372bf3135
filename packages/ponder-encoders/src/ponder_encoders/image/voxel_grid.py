"""The cells of a volume: a box of the world cut into equal parts along each axis."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class VoxelGrid:
    """An axis-aligned box cut into ``shape`` cells; the same for every scene.

    Volumes over it are ``(batch, channels, X, Y, Z)``. Cells need not be cubes.

    Attributes:
        lower, upper: corners of the box, metres.
        shape: number of cells along x, y and z.

    Raises:
        ValueError: the box or its cells are empty.
    """

    lower: tuple[float, float, float]
    upper: tuple[float, float, float]
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        if any(low >= high for low, high in zip(self.lower, self.upper, strict=True)) or min(self.shape) < 1:
            raise ValueError(
                f"a grid needs lower < upper on each axis and at least one cell, not {self.lower} to {self.upper} "
                f"in {self.shape} cells"
            )

    @property
    def cell_size(self) -> tuple[float, float, float]:
        """Edges of one cell, metres."""
        x, y, z = (
            (high - low) / cells for low, high, cells in zip(self.lower, self.upper, self.shape, strict=True)
        )
        return x, y, z

    def centers(self, device: torch.device | None = None) -> Float[Tensor, "cells 3"]:
        """Centres of all cells in metres, x slowest and z fastest, as a volume's cells lie in memory."""
        axes = [
            low + (torch.arange(cells, device=device, dtype=torch.float32) + 0.5) * size
            for low, size, cells in zip(self.lower, self.cell_size, self.shape, strict=True)
        ]
        return torch.cartesian_prod(*axes)
