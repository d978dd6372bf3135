"""Trilinear queries of a feature volume, and their analytic gradient in space.

One set of corners serves the feature ``f = sum_k w_k V[corner_k]`` and, for ``g = d sdf / d f``, the SDF's
gradient in space, ``n = sum_k (d w_k / d p) (V[corner_k] . g)``. So normals need no second differentiation
through the gather. Gradients with respect to the table and ``g`` are written by hand; none flows to
positions. Tables may be bfloat16 or float16: everything is then added up, forward and backward, in the precision
of the corners' weights, and rounded once. The ``*_reference`` functions give gradients for positions too, and can
be differentiated any number of times.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from ponder_render.volume.corners import Corners
from ponder_render.volume.scatter import scatter_rows

CHUNK = 4096
"""Samples whose Jacobians are stored at once."""


WIDENING_CHUNK = 1024
"""Samples whose eight rows are widened at once on a CPU: they stay in its cache."""

DEVICE_WIDENING_CHUNK = 1 << 16
"""The same elsewhere: enough to fill the device."""


def gather(
    table: Float[Tensor, "cells channels"],
    rows: Int[Tensor, "samples corners"],
    weights: Float[Tensor, "samples corners"],
) -> Float[Tensor, "samples channels"]:
    """Weighted sum of rows: ``sum_k weights_k table[rows_k]``, without storing the rows of all samples.

    The sum and the result have the precision of ``weights``, also where the table is bfloat16 or float16.
    """
    if table.dtype != weights.dtype:
        return _gather_widened(table, rows, weights)
    return F.embedding_bag(rows, table, per_sample_weights=weights, mode="sum")


def _gather_widened(table: Tensor, rows: Tensor, weights: Tensor) -> Float[Tensor, "samples channels"]:
    """``gather`` from a table of another precision, chunk by chunk, so that it is never widened as a whole."""
    samples, channels = rows.shape[0], table.shape[1]
    chunk = WIDENING_CHUNK if table.device.type == "cpu" else DEVICE_WIDENING_CHUNK
    result = weights.new_empty(samples, channels)
    for start in range(0, samples, chunk):
        stop = min(samples, start + chunk)
        corners = table.index_select(0, rows[start:stop].reshape(-1)).to(weights.dtype)
        corners = corners.view(-1, 8, channels)
        torch.bmm(weights[start:stop, None], corners, out=result[start:stop, None])
    return result


def project_jacobian(
    table: Float[Tensor, "cells channels"], corners: Corners, direction: Float[Tensor, "samples channels"]
) -> Float[Tensor, "samples 3"]:
    """``sum_k (d w_k / d p) (V[corner_k] . direction)``: ``spatial_gradient`` without gradient of its own.

    Each axis of the feature's Jacobian is a weighted gather like the feature itself, so the eight corners are
    never stored. Works in chunks, so that the Jacobian never exists all at once.
    """
    table, direction = table.detach(), direction.detach()
    samples, channels = direction.shape
    result = direction.new_empty(samples, 3)
    for start in range(0, samples, CHUNK):
        stop = min(samples, start + CHUNK)
        slopes = corners.weight_gradients[start:stop].reshape(-1, 8)
        rows = corners.rows[start:stop, None].expand(-1, 3, -1).reshape(-1, 8)
        jacobian = gather(table, rows, slopes).view(-1, 3, channels)
        # Not by bmm, which is slow for so small products.
        torch.sum(jacobian.mul_(direction[start:stop, None]), dim=2, out=result[start:stop])
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
        return project_jacobian(table, corners, direction)

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
    return (corners.weight_gradients * contracted[:, None]).sum(dim=2)
