"""Folding conditions: the plain network that computes what one with conditions computes for one of them."""

import torch
from torch import Tensor, nn

from ponder_encoders.condition_norm import ConditionNorm
from ponder_encoders.conditions import condition_indices
from ponder_encoders.sparse_unet import SparseUNet


@torch.no_grad()
def fold_condition(network: SparseUNet, condition: str | None) -> SparseUNet:
    """Copy ``network`` with plain norms: those of one condition, with what its context adds folded in.

    The copy takes no condition any more. Its features are those of ``network(batch, condition)`` up to rounding, in
    training as in evaluation. It shares no tensor with ``network`` and lies on the same device.

    Raises:
        ValueError: the network has no conditions, or not this one; names those it has.
    """
    known = network.config.conditions
    if not known:
        raise ValueError(f"this network has no conditions: leave out {condition!r}")
    (index,) = condition_indices(known, condition, scenes=1)
    config = network.config.model_copy(update={"conditions": (), "context_channels": 0})
    plain = SparseUNet(config, generator=torch.Generator())
    tensors = {name: value for name, value in network.state_dict().items() if name != "context_table"}
    for name, module in network.named_modules():
        if isinstance(module, ConditionNorm):
            inside = [other for other in tensors if other.startswith(f"{name}.")]
            for other in inside:
                del tensors[other]
            tensors |= {f"{name}.{key}": value for key, value in _folded(module, index, network).items()}
    plain.load_state_dict(tensors)
    example: nn.Parameter = network.stem.convolution.weight
    return plain.to(device=example.device, dtype=example.dtype).train(network.training)


def _folded(norm: ConditionNorm, index: int, network: SparseUNet) -> dict[str, Tensor]:
    weight, bias = norm.affine(index, network.contexts())
    statistics = norm.norm_of(index).state_dict()
    return {**statistics, "weight": weight, "bias": bias}
