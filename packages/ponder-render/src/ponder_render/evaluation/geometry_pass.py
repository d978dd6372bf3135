"""The SDF network over a chunk of samples: its value and its gradient in the inputs, forward and backward.

With ``z_l = W_l a_{l-1} + b_l``, ``a_l = softplus(z_l)``, slopes ``s_l = sigmoid(beta z_l)`` and ``sdf = w a_L + b``,
the gradient is ``g = v_0`` where ``v_L = w`` and ``v_{l-1} = (v_l * s_l) W_l``. Both depend on the parameters, so the
backward pass walks up this chain with the gradient of ``g``, then down through the layers with that of the values. By
hand instead of by autograd: nothing is kept but what is needed, and most of the arithmetic happens in place, in
chunks that stay in the processor's cache.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ponder_render.evaluation.folding import FoldedField
from ponder_render.evaluation.linear import product, weight_gradient

Activations = list[Tensor]
"""``a_1`` to ``a_L`` of some samples, ``(samples, width)`` each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeometryPass:
    """What the network said about a chunk, and what its backward pass needs.

    Attributes:
        activations: ``a_1`` to ``a_L``.
        chain: ``v_1`` to ``v_{L-1}``.
        sdf: metres.
    """

    activations: Activations
    chain: list[Float[Tensor, "samples _"]]
    sdf: Float[Tensor, " samples"]


def sdf_forward(
    folded: FoldedField, inputs: Float[Tensor, "samples inputs"]
) -> tuple[Float[Tensor, " samples"], Activations]:
    """The SDF alone, and the activations on the way."""
    activations, _ = _activate(folded, inputs)
    return _read_sdf(folded, inputs, activations), activations


def geometry_forward(
    folded: FoldedField, inputs: Float[Tensor, "samples inputs"], activations: Activations | None = None
) -> tuple[GeometryPass, Float[Tensor, "samples inputs"]]:
    """The SDF, and its gradient ``g``; ``activations`` known from ``sdf_forward`` are not computed again."""
    if activations is None:
        activations, slopes = _activate(folded, inputs)
    else:
        slopes = [slope_of(a, folded.beta) for a in activations]
    chain: list[Tensor] = []
    gradient = _top(folded, slopes, inputs)
    for index in reversed(range(len(slopes) - 1)):
        chain.insert(0, gradient)
        gradient = product(slopes[index].mul_(gradient), folded.hidden[index].weight.t())
    sdf = _read_sdf(folded, inputs, activations)
    return GeometryPass(activations=activations, chain=chain, sdf=sdf), gradient


def geometry_backward(
    folded: FoldedField,
    sums: FoldedField,
    inputs: Float[Tensor, "samples inputs"],
    known: GeometryPass,
    grad_sdf: Float[Tensor, " samples"],
    grad_activation: Float[Tensor, "samples width"] | None,
    grad_gradient: Float[Tensor, "samples inputs"],
) -> tuple[Float[Tensor, "samples channels"], Float[Tensor, "samples channels"]]:
    """Add the parameters' gradients to ``sums`` and return that of ``f``, and once more ``g``, its part of ``f``.

    ``g`` is as wide as the inputs and follows from the chain by one product, so it is not kept between the passes.

    Args:
        folded: the networks.
        sums: sums of gradients so far, in the same structure.
        inputs: those of the forward pass.
        known: what the forward pass found.
        grad_sdf: gradient of the SDF.
        grad_activation: of the last activations, which the heads read; may be overwritten.
        grad_gradient: of ``g``.
    """
    x = known.activations[-1] if known.activations else inputs
    row = folded.sdf.weight[0]
    slopes = [slope_of(a, folded.beta) for a in known.activations]
    grad_slopes, gradient = _up_the_chain(folded, sums, known, slopes, grad_gradient)
    sums.sdf.weight.add_(grad_sdf[None] @ x)
    sums.sdf.bias.add_(grad_sdf.sum())
    grad = torch.outer(grad_sdf, row) if grad_activation is None else grad_activation.addr_(grad_sdf, row)
    for index in reversed(range(len(slopes))):
        # d z = (d a + beta (1 - s) d s) s
        slope, grad_slope, beta = slopes[index], grad_slopes[index], folded.beta
        grad.add_(grad_slope, alpha=beta).addcmul_(grad_slope, slope, value=-beta).mul_(slope)
        below = known.activations[index - 1] if index else inputs
        sums.hidden[index].weight.add_(weight_gradient(grad, below))
        sums.hidden[index].bias.add_(grad.sum(dim=0))
        weight = folded.hidden[index].weight
        grad = product(grad, (weight if index else _on_feature(folded, weight)).t())
    return grad if slopes else grad[:, folded.coordinates :], gradient


def _activate(folded: FoldedField, x: Tensor) -> tuple[Activations, list[Tensor]]:
    """Activations and slopes of all hidden layers."""
    activations, slopes = [], []
    for layer in folded.hidden:
        x, slope = softplus_with_slope(product(x, layer.weight, layer.bias), folded.beta)
        activations.append(x)
        slopes.append(slope)
    return activations, slopes


def _read_sdf(folded: FoldedField, inputs: Tensor, activations: Activations) -> Tensor:
    x = activations[-1] if activations else inputs
    return product(x, folded.sdf.weight, folded.sdf.bias)[:, 0]


def _top(folded: FoldedField, slopes: list[Tensor], inputs: Tensor, feature_only: bool = False) -> Tensor:
    """``v_{L-1}``: the row ``w``, the same for all samples, goes into the matrix."""
    row = folded.sdf.weight[0]
    if not slopes:
        return row[folded.coordinates if feature_only else 0 :].expand(inputs.shape[0], -1)
    weight = folded.hidden[-1].weight
    weight = _on_feature(folded, weight) if feature_only else weight
    return product(slopes[-1], (row[:, None] * weight).t())


def _on_feature(folded: FoldedField, weight: Tensor) -> Tensor:
    """The columns of a first layer that read ``f``, in memory of their own (see ``folding`` for why)."""
    return weight[:, folded.coordinates :].contiguous()


def _up_the_chain(
    folded: FoldedField, sums: FoldedField, known: GeometryPass, slopes: list[Tensor], grad: Tensor
) -> tuple[list[Tensor], Tensor]:
    """The gradient of ``g`` pulled back to the weights (into ``sums``) and to the slopes; and ``g``."""
    grad_slopes, gradient = [], None
    for index, layer in enumerate(folded.hidden[:-1]):
        lower, slope = known.chain[index], slopes[index]
        passed = lower * slope
        if index == 0:
            gradient = product(passed, _on_feature(folded, layer.weight).t())
        sums.hidden[index].weight.add_(weight_gradient(passed, grad))
        grad_product = product(grad, layer.weight)
        grad_slopes.append(grad_product * lower)
        grad = grad_product.mul_(slope)
    if gradient is None:
        gradient = _top(folded, slopes, grad, feature_only=True)
    if not folded.hidden:
        sums.sdf.weight.add_(grad.sum(dim=0))
        return [], gradient
    # The top layer meets the row w, the same for all samples, which may stand outside of every product.
    row, top = folded.sdf.weight[0], folded.hidden[-1].weight
    shared = weight_gradient(slopes[-1], grad)
    sums.hidden[-1].weight.add_(row[:, None] * shared)
    sums.sdf.weight.add_((top * shared).sum(dim=1))
    grad_slopes.append(product(grad, row[:, None] * top))
    return grad_slopes, gradient


def softplus_with_slope(
    z: Float[Tensor, "samples width"], beta: float
) -> tuple[Float[Tensor, "samples width"], Float[Tensor, "samples width"]]:
    """``log(1 + exp(beta z)) / beta``, written over ``z``, and its derivative ``s = sigmoid(beta z)``.

    ``softplus(z) = relu(z) - log(max(s, 1 - s)) / beta``. Where ``exp(-|beta z|)`` is below the resolution of the
    numbers, it is kept there: processors are many times slower where it, or its square, underflows.
    """
    far = -math.log(torch.finfo(z.dtype).eps) / beta
    slope = z.clamp(-far, far).mul_(beta).sigmoid_()
    larger = 1 - slope
    torch.maximum(slope, larger, out=larger)
    return z.clamp_(min=0).sub_(larger.log_(), alpha=1 / beta), slope


def slope_of(activation: Float[Tensor, "samples width"], beta: float) -> Float[Tensor, "samples width"]:
    """The slope of the softplus where it has this value: ``1 - exp(-beta a)``. So slopes need not be kept."""
    # A power of 2, because PyTorch's is three times as fast as its exp and expm1 on x86.
    lowest = 2 * math.log2(torch.finfo(activation.dtype).eps)
    return (activation * (-beta / math.log(2))).clamp_(min=lowest).exp2_().neg_().add_(1)
