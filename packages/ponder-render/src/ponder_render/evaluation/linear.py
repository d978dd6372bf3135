"""Products with weight matrices, on x86 processors through oneDNN.

PyTorch's own float32 matrix product calls MKL, which on processors of other makers than Intel reaches less than
half of what oneDNN does, and oneDNN comes with PyTorch. Elsewhere these are PyTorch's products. No gradient flows:
they are what forward and backward passes written by hand are made of.
"""

import functools

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


@functools.cache
def has_onednn() -> bool:
    """Whether PyTorch was built with oneDNN and its linear operator: the package's one check for it."""
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


@functools.cache
def has_avx512() -> bool:
    """Whether the processor has the wide vectors that oneDNN makes more of than MKL does."""
    return "AVX512" in torch.backends.cpu.get_cpu_capability()


def product(
    x: Float[Tensor, "samples inputs"],
    weight: Float[Tensor, "outputs inputs"],
    bias: Float[Tensor, " outputs"] | None = None,
) -> Float[Tensor, "samples outputs"]:
    """``x weight^T + bias``, in new memory."""
    with torch.no_grad():
        # For a single output oneDNN is the slower one.
        return _onednn(x, weight, bias) if _suits(x) and weight.shape[0] > 1 else F.linear(x, weight, bias)


def weight_gradient(
    grad: Float[Tensor, "samples outputs"], x: Float[Tensor, "samples inputs"]
) -> Float[Tensor, "outputs inputs"]:
    """``grad^T x``: the gradient of ``weight`` in ``product``, given that of its result."""
    outputs, inputs = grad.shape[1], x.shape[1]
    with torch.no_grad():
        # Measured: oneDNN wins for large results, but only where it has AVX-512, which MKL uses on Intel's processors
        # alone. With AVX2 MKL is 1.5 times as fast, since it needs no transposed copies.
        if _suits(x) and has_avx512() and (inputs >= 100 or outputs * inputs > 1024):
            return _onednn(grad.t(), x.t(), None)
        # PyTorch's product is fastest with the longer side last.
        return (x.t() @ grad).t() if inputs < outputs else grad.t() @ x


def _suits(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype == torch.float32 and has_onednn()


def _onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], None)
