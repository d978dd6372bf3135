"""Trilinear queries of a feature volume, and their analytic gradient in space.

One set of corners serves three things: the feature ``f = sum_k w_k V[corner_k]``; its contraction with a
direction in feature space, ``q_k = V[corner_k] . g``; and, with ``g = d sdf / d f``, the spatial gradient
``n = sum_k (d w_k / d p) q_k``. So normals need no second differentiation through the gather. Gradients with
respect to the table and ``g`` are written by hand; none flows to positions. The ``*_reference`` functions
give those too, and can be differentiated any number of times.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from ponder_render.corners import Corners
from ponder_render.scatter import scatter_rows

CHUNK = 8192
"""Samples whose eight corners are gathered in full at once: keeps the buffer small."""


def gather(
    table: Float[Tensor, "cells channels"],
    rows: Int[Tensor, "samples 8"],
    weights: Float[Tensor, "samples 8"],
) -> Float[Tensor, "samples channels"]:
    """Weighted sum of rows: ``sum_k weights_k table[rows_k]``, without storing the eight rows."""
    return F.embedding_bag(rows, table, per_sample_weights=weights, mode="sum")


def contract(
    table: Float[Tensor, "cells channels"], corners: Corners, direction: Float[Tensor, "samples channels"]
) -> Float[Tensor, "samples 8"]:
    """``q_k = V[corner_k] . direction``: what each corner contributes along a direction in feature space.

    Works in chunks, so that the gathered corners never exist all at once. Without gradient.
    """
    table, direction = table.detach(), direction.detach()
    samples, channels = direction.shape
    result = direction.new_empty(samples, 8)
    buffer = table.new_empty(min(samples, CHUNK) * 8, channels)
    for start in range(0, samples, CHUNK):
        stop = min(samples, start + CHUNK)
        corner = buffer[: (stop - start) * 8]
        torch.index_select(table, 0, corners.rows[start:stop].reshape(-1), out=corner)
        out = result[start:stop, :, None]
        torch.bmm(corner.view(-1, 8, channels), direction[start:stop, :, None], out=out)
    return result


class _Interpolate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, table: Tensor, corners: Corners) -> Tensor:
        ctx.corners, ctx.cells = corners, table.shape[0]
        return gather(table.detach(), corners.rows, corners.weights.detach())

    @staticmethod
    @once_differentiable
    def backward(ctx, *grads: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        return scatter_rows(ctx.cells, ctx.corners.rows, [(ctx.corners.weights, grads[0])]), None


class _SpatialGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, table: Tensor, corners: Corners, direction: Tensor) -> Tensor:
        ctx.save_for_backward(table, direction)
        ctx.corners = corners
        return corners.gradient(contract(table, corners, direction))

    @staticmethod
    @once_differentiable
    def backward(ctx, *grads: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        table, direction = ctx.saved_tensors
        rows, along = ctx.corners.rows, ctx.corners.along(grads[0])
        grad_table = None
        if ctx.needs_input_grad[0]:
            grad_table = scatter_rows(table.shape[0], rows, [(along, direction)])
        return grad_table, None, gather(table, rows, along)


def interpolate(
    table: Float[Tensor, "cells channels"], corners: Corners
) -> Float[Tensor, "samples channels"]:
    """Trilinear interpolation ``f_j`` (Eq. 3). Differentiable once, in ``table``."""
    return _Interpolate.apply(table, corners)  # pyright: ignore[reportReturnType]


def spatial_gradient(
    table: Float[Tensor, "cells channels"], corners: Corners, direction: Float[Tensor, "samples channels"]
) -> Float[Tensor, "samples 3"]:
    """``(d f / d p)^T direction = sum_k (d w_k / d p) (V[corner_k] . direction)``, in world units.

    Differentiable once, in ``table`` and ``direction``.
    """
    return _SpatialGradient.apply(table, corners, direction)  # pyright: ignore[reportReturnType]


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
