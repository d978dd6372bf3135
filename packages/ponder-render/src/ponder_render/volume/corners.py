"""The eight cells around a point of a volume, their trilinear weights, and how these change in space."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ponder_render.volume.feature_volume import FeatureVolume

Border = Literal["clamp", "zeros"]
"""Beyond the outermost cell centres: ``clamp`` continues their values, ``zeros`` fades to 0 over one cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corners:
    """The eight cells around each sample.

    Attributes:
        rows: rows of the volume's table.
        weights: trilinear weights.
        weight_gradients: d weight / d position, axis by axis, 1 / metre.
    """

    rows: Int[Tensor, "samples 8"]
    weights: Float[Tensor, "samples 8"]
    weight_gradients: Float[Tensor, "samples 3 8"]

    def __len__(self) -> int:
        return self.rows.shape[0]

    def along(self, direction: Float[Tensor, "samples 3"]) -> Float[Tensor, "samples 8"]:
        """``(d w_k / d p) . direction``: how fast each weight changes when moving that way."""
        return torch.bmm(direction[:, None], self.weight_gradients)[:, 0]

    def slice(self, start: int, stop: int) -> "Corners":
        """Samples ``start`` to ``stop``, as views."""
        return Corners(
            rows=self.rows[start:stop],
            weights=self.weights[start:stop],
            weight_gradients=self.weight_gradients[start:stop],
        )


def join_corners(parts: list[Corners]) -> Corners:
    """Corners of several sets of samples, one after the other."""
    return Corners(
        rows=torch.cat([part.rows for part in parts]),
        weights=torch.cat([part.weights for part in parts]),
        weight_gradients=torch.cat([part.weight_gradients for part in parts]),
    )


def cell_coordinates(
    position: Float[Tensor, "samples 3"], volume_index: Int[Tensor, " samples"], volume: FeatureVolume
) -> tuple[Float[Tensor, "samples 3"], Float[Tensor, "samples 3"]]:
    """World positions in units of cells (integers are cell centres), and the number of cells per metre."""
    sides = torch.tensor(volume.shape, dtype=position.dtype, device=position.device)
    per_metre = (sides / volume.bounds.size.to(position)).index_select(0, volume_index)
    lower = volume.bounds.lower.to(position).index_select(0, volume_index)
    return (position - lower) * per_metre - 0.5, per_metre


def find_corners(
    position: Float[Tensor, "samples 3"],
    volume_index: Int[Tensor, " samples"],
    volume: FeatureVolume,
    border: Border = "clamp",
) -> Corners:
    """The corners of world positions (metres); their weights are differentiable in ``position``."""
    units, per_metre = cell_coordinates(position, volume_index, volume)
    base = units.detach().floor()
    fraction = units - base
    x, y, z = volume.shape
    sides = torch.tensor(volume.shape, device=position.device)
    # Far outside, floor() may exceed the integers; one cell beyond either face says everything.
    low = torch.minimum(base.clamp(min=-2), sides.to(base)).long()
    pair = torch.stack([low, low + 1])
    inside = (pair >= 0) & (pair < sides)
    pair = torch.minimum(pair.clamp(min=0), sides - 1)
    weight = torch.stack([1 - fraction, fraction])
    slope = torch.stack([-per_metre, per_metre])
    if border == "zeros":
        weight, slope = weight * inside, slope * inside
    (wx, wy, wz), (sx, sy, sz) = weight.unbind(2), slope.unbind(2)
    row_x = pair[:, :, 0] * (y * z) + volume_index * (x * y * z)
    rows = _outer(torch.add, row_x, pair[:, :, 1] * z, pair[:, :, 2])
    gradients = [_outer(torch.mul, *f) for f in ((sx, wy, wz), (wx, sy, wz), (wx, wy, sz))]
    return Corners(
        rows=rows, weights=_outer(torch.mul, wx, wy, wz), weight_gradients=torch.stack(gradients, dim=1)
    )


def _outer(combine: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Combine pairs ``(2, samples)`` of three axes to ``(samples, 8)``, z fastest."""
    grid = combine(combine(x[:, None, None], y[None, :, None]), z[None, None, :])
    return grid.reshape(8, -1).t().contiguous()
