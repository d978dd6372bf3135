"""Making a trained encoder as quick to learn as a fresh one, without changing what it computes.

A kernel that a norm follows can be multiplied by any number: the norm divides by it again. Training makes such kernels
grow, and the larger they are, the less a step of a given size turns them. So a trained network learns a new task
several times slower than a new network at the same learning rate, unless its kernels are brought back to size.
"""

import math
from collections.abc import Iterator

import torch
from torch import nn

from ponder_encoders.condition_norm import ConditionNorm, plain_norms
from ponder_encoders.norms import PointBatchNorm
from ponder_encoders.sparse.convolution import SparseConvolution
from ponder_encoders.sparse_unet import SparseUNet
from ponder_encoders.sparse_unet_stages import DecoderStage, EncoderStage, ResidualBlock, Stem


def normalised_convolutions(
    network: nn.Module,
) -> Iterator[tuple[SparseConvolution, PointBatchNorm | ConditionNorm]]:
    """Give every convolution whose output goes straight into a norm, with that norm."""
    for module in network.modules():
        if isinstance(module, Stem):
            yield module.convolution, module.norm
        elif isinstance(module, EncoderStage):
            yield module.down, module.norm
        elif isinstance(module, DecoderStage):
            yield module.up, module.norm
        elif isinstance(module, ResidualBlock):
            yield module.convolution1, module.norm1
            yield module.convolution2, module.norm2
            if module.shortcut is not None and module.shortcut_norm is not None:
                yield module.shortcut, module.shortcut_norm


@torch.no_grad()
def restore_plasticity(encoder: SparseUNet) -> None:
    """Bring every kernel that a norm follows back to the size of new ones: a variance of ``2 / inputs per output``.

    The running statistics of its norm (of each condition) follow, so that in training and in evaluation the features stay as they were, up
    to the small constant ``eps`` by which norms avoid dividing by zero. Kernels of zeros are left alone.
    """
    for convolution, norm in normalised_convolutions(encoder):
        weight = convolution.weight
        size = float(weight.square().mean().sqrt())
        if size == 0:
            continue
        factor = math.sqrt(2 / (weight.shape[0] * weight.shape[1])) / size
        weight *= factor
        if convolution.bias is not None:
            convolution.bias.mul_(factor)
        for each in plain_norms(norm):
            assert each.running_mean is not None, "a PointBatchNorm always tracks statistics"
            assert each.running_var is not None, "a PointBatchNorm always tracks statistics"
            each.running_mean *= factor
            each.running_var *= factor**2
