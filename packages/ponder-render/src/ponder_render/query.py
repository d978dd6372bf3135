"""Trilinear queries of a feature volume, and their analytic gradient in space.

One set of corners serves three things: the feature ``f = sum_k w_k V[corner_k]``; its contraction with a direction in
feature space, ``q_k = V[corner_k] . g``; and, with ``g = d sdf / d f``, the spatial gradient
``n = sum_k (d w_k / d p) q_k``. So normals need no second differentiation through the gather. Gradients with respect to
the table and ``g`` are written by hand; none flows to positions (``*_reference`` functions give those too).
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from ponder_render.scatter import scatter_rows
from ponder_render.volume import FeatureVolume

Border = Literal["clamp", "zeros"]
"""Outside the outermost cell centres: ``clamp`` continues the nearest value, ``zeros`` fades to 0 within one cell."""

CHUNK = 8192
"""Samples handled at once where eight corners of each are gathered in full: keeps the buffer within the cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corners:
    """The eight cells around each sample.

    Attributes:
        rows: rows of the volume's table.
        weights: trilinear weights.
        weight_gradients: d weight / d position, 1 / metre.
    """

    rows: Int[Tensor, "samples 8"]
    weights: Float[Tensor, "samples 8"]
    weight_gradients: Float[Tensor, "samples 8 3"]

    def __len__(self) -> int:
        return self.rows.shape[0]

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
    """World positions in units of cells, where integers are cell centres, and the number of cells per metre."""
    sides = torch.tensor(volume.shape, dtype=position.dtype, device=position.device)
    per_metre = (sides / volume.bounds.size.to(position))[volume_index]
    return (position - volume.bounds.lower.to(position)[volume_index]) * per_metre - 0.5, per_metre


def find_corners(
    position: Float[Tensor, "samples 3"],
    volume_index: Int[Tensor, " samples"],
    volume: FeatureVolume,
    border: Border = "clamp",
) -> Corners:
    """The corners of world positions (metres) in their volumes; differentiable in ``position`` through the weights."""
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
        rows=rows, weights=_outer(torch.mul, wx, wy, wz), weight_gradients=torch.stack(gradients, dim=2)
    )


def _outer(combine, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Combine pairs ``(2, samples)`` of three axes to ``(samples, 8)``, z fastest."""
    grid = combine(combine(x[:, None, None], y[None, :, None]), z[None, None, :])
    return grid.reshape(8, -1).t().contiguous()


def gather(
    table: Float[Tensor, "cells channels"],
    rows: Int[Tensor, "samples 8"],
    weights: Float[Tensor, "samples 8"],
) -> Float[Tensor, "samples channels"]:
    """Weighted sum of rows: ``sum_k weights_k table[rows_k]``, without storing the eight rows."""
    return F.embedding_bag(rows, table, per_sample_weights=weights, mode="sum")


class _Interpolate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, table: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
        ctx.save_for_backward(rows, weights)
        ctx.cells = table.shape[0]
        return gather(table.detach(), rows, weights)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        rows, weights = ctx.saved_tensors
        return scatter_rows(ctx.cells, rows, [(weights, grad)]), None, None


class _SpatialGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, table: Tensor, rows: Tensor, slopes: Tensor, direction: Tensor) -> Tensor:
        ctx.save_for_backward(table, rows, slopes, direction)
        return _weigh(slopes, _contract(table.detach(), rows, direction.detach()))

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        table, rows, slopes, direction = ctx.saved_tensors
        along = torch.bmm(slopes, grad[:, :, None])[:, :, 0]
        grad_table = (
            scatter_rows(table.shape[0], rows, [(along, direction)]) if ctx.needs_input_grad[0] else None
        )
        return grad_table, None, None, gather(table, rows, along)


def interpolate(
    table: Float[Tensor, "cells channels"], corners: Corners
) -> Float[Tensor, "samples channels"]:
    """Trilinear interpolation ``f_j`` (Eq. 3). Differentiable once, in ``table``."""
    return _Interpolate.apply(table, corners.rows, corners.weights.detach())  # pyright: ignore[reportReturnType]


def contract(
    table: Float[Tensor, "cells channels"], corners: Corners, direction: Float[Tensor, "samples channels"]
) -> Float[Tensor, "samples 8"]:
    """``q_k = V[corner_k] . direction``: what the eight corners contribute along a direction in feature space.

    Works in chunks, so that the gathered corners never exist all at once. Without gradient.
    """
    return _contract(table.detach(), corners.rows, direction.detach())


def spatial_gradient(
    table: Float[Tensor, "cells channels"], corners: Corners, direction: Float[Tensor, "samples channels"]
) -> Float[Tensor, "samples 3"]:
    """``(d f / d p)^T direction = sum_k (d w_k / d p) (V[corner_k] . direction)``, in world units.

    Differentiable once, in ``table`` and ``direction``.
    """
    return _SpatialGradient.apply(  # pyright: ignore[reportReturnType]
        table, corners.rows, corners.weight_gradients.detach(), direction
    )


def _contract(table: Tensor, rows: Tensor, direction: Tensor) -> Tensor:
    samples, channels = direction.shape
    result = direction.new_empty(samples, 8)
    buffer = table.new_empty(min(samples, CHUNK) * 8, channels)
    for start in range(0, samples, CHUNK):
        stop = min(samples, start + CHUNK)
        corner = buffer[: (stop - start) * 8]
        torch.index_select(table, 0, rows[start:stop].reshape(-1), out=corner)
        out = result[start:stop, :, None]
        torch.bmm(corner.view(-1, 8, channels), direction[start:stop, :, None], out=out)
    return result


def _weigh(slopes: Float[Tensor, "samples 8 3"], contracted: Float[Tensor, "samples 8"]) -> Tensor:
    return torch.bmm(slopes.transpose(1, 2), contracted[:, :, None])[:, :, 0]


def interpolate_reference(
    table: Float[Tensor, "cells channels"], corners: Corners
) -> Float[Tensor, "samples channels"]:
    """``interpolate`` in plain PyTorch: differentiable any number of times, and in the corners' weights."""
    return (table[corners.rows] * corners.weights[:, :, None]).sum(dim=1)


def spatial_gradient_reference(
    table: Float[Tensor, "cells channels"], corners: Corners, direction: Float[Tensor, "samples channels"]
) -> Float[Tensor, "samples 3"]:
    """``spatial_gradient`` in plain PyTorch: differentiable any number of times."""
    contracted = (table[corners.rows] * direction[:, None]).sum(dim=2)
    return (corners.weight_gradients * contracted[:, :, None]).sum(dim=1)
