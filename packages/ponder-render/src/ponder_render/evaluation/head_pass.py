"""A head over a chunk of samples, forward and backward by hand.

Its inputs are blocks (see ``JointLayer``), and so are their gradients.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from ponder_render.evaluation.folding import FoldedHead, JointLayer
from ponder_render.evaluation.linear import product, weight_gradient

Blocks = list[Float[Tensor, "samples _"]]
"""``[p, f]``, ``a`` (where it is read), ``n`` and, for colour, ``d``."""


def joint_forward(layer: JointLayer, blocks: Blocks) -> Float[Tensor, "samples outputs"]:
    """``sum_i weights_i block_i + bias``."""
    total = product(blocks[0], layer.weights[0], layer.bias)
    for weight, block in zip(layer.weights[1:], blocks[1:], strict=True):
        total.add_(product(block, weight))
    return total


def head_forward(head: FoldedHead, blocks: Blocks) -> list[Float[Tensor, "samples _"]]:
    """The output of each layer: rectified, except that of the last one."""
    outputs = [joint_forward(head.first, blocks)]
    for layer in head.rest:
        outputs.append(product(outputs[-1].relu_(), layer.weight, layer.bias))
    return outputs


def head_backward(
    head: FoldedHead,
    sums: FoldedHead,
    blocks: Blocks,
    outputs: list[Float[Tensor, "samples _"]],
    grad: Float[Tensor, "samples outputs"],
    coordinates: int,
) -> Blocks:
    """Add the parameters' gradients to ``sums`` and return those of ``f``, ``a`` (where it is read) and ``n``.

    Args:
        head: its layers.
        sums: sums of gradients so far, in the same structure.
        blocks: inputs of the forward pass.
        outputs: of the forward pass; the last one is not read.
        grad: gradient of the last output.
        coordinates: columns of ``p``, which like ``d`` is a constant.
    """
    for layer, total, below in zip(
        reversed(head.rest), reversed(sums.rest), reversed(outputs[:-1]), strict=True
    ):
        total.weight.add_(weight_gradient(grad, below))
        total.bias.add_(grad.sum(dim=0))
        grad = torch.ops.aten.threshold_backward(product(grad, layer.weight.t()), below, 0)
    sums.first.bias.add_(grad.sum(dim=0))
    for total, block in zip(sums.first.weights, blocks, strict=True):
        total.add_(weight_gradient(grad, block))
    on_inputs, *others = head.first.weights[:-1] if head.reads_direction else head.first.weights
    weights = [on_inputs[:, coordinates:].contiguous(), *others]
    return [product(grad, weight.t()) for weight in weights]
