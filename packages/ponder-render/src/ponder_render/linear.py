"""Linear maps, on x86 processors through oneDNN.

PyTorch's own float32 matrix product calls MKL, which on processors of other makers than Intel reaches less than
half of what oneDNN does, and oneDNN comes with PyTorch. Elsewhere this is ``torch.nn.functional.linear``.
"""

import functools

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

LARGE = 2048
"""Entries of a weight matrix from which oneDNN is also faster for its gradient."""


@functools.cache
def has_onednn() -> bool:
    """Whether PyTorch was built with oneDNN and its linear operator: the package's one check for it."""
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def linear(
    x: Float[Tensor, "samples inputs"],
    weight: Float[Tensor, "outputs inputs"],
    bias: Float[Tensor, " outputs"] | None = None,
) -> Float[Tensor, "samples outputs"]:
    """``x weight^T + bias``. Differentiable once."""
    if x.device.type == "cpu" and x.dtype == torch.float32 and has_onednn():
        return _OneDnnLinear.apply(x, weight, bias)  # pyright: ignore[reportReturnType]
    return F.linear(x, weight, bias)


def _multiply(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], None)


class _OneDnnLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _multiply(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx, *grads: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        (grad,) = grads
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        grad_x = _multiply(grad, weight.t()) if needs_x else None
        grad_weight = None
        if needs_weight:
            grad_weight = _multiply(grad.t(), x.t()) if weight.numel() >= LARGE else grad.t() @ x
        return grad_x, grad_weight, grad.sum(dim=0) if needs_bias else None
