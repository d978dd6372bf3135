"""From opacities to pictures (Eq. 6): weights, and sums along rays, over rows of samples and over packed ones.

Goes through nerfacc's functions that run on any device; where nerfacc cannot be imported, the same formulas in
plain PyTorch take their place. The light that passes packed samples is multiplied up in rows too: sums of
logarithms over all rays at once lose three digits in float32.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ponder_render.nerfacc_backend import load_nerfacc
from ponder_render.rays import PackedSamples


def render_weights(opacity: Float[Tensor, "rays samples"]) -> Float[Tensor, "rays samples"]:
    """``w_j = alpha_j prod_{k<j} (1 - alpha_k)`` (Eq. 6); each ray's weights sum to at most 1."""
    nerfacc = load_nerfacc()
    if nerfacc is None:
        return render_weights_reference(opacity)
    weights, _ = nerfacc.render_weight_from_alpha(opacity)
    return weights


def accumulate(
    weights: Float[Tensor, "rays samples"], values: Float[Tensor, "rays samples channels"]
) -> Float[Tensor, "rays channels"]:
    """``sum_j w_j value_j`` (Eq. 6)."""
    nerfacc = load_nerfacc()
    if nerfacc is None:
        return accumulate_reference(weights, values)
    return nerfacc.accumulate_along_rays(weights, values)


def render_weights_packed(
    opacity: Float[Tensor, " samples"], packed: PackedSamples
) -> Float[Tensor, " samples"]:
    """``render_weights`` for packed samples; what lies in the gaps between them stops no light."""
    counts = packed.count
    longest = int(counts.max()) if len(counts) else 0
    within = torch.arange(len(packed), device=opacity.device) - (packed.offsets - counts)[packed.ray_indices]
    slot = packed.ray_indices * longest + within
    rows = opacity.new_zeros(counts.shape[0] * longest).index_copy(0, slot, opacity)
    return render_weights(rows.view(counts.shape[0], longest)).reshape(-1).index_select(0, slot)


def accumulate_packed(
    weights: Float[Tensor, " samples"], values: Float[Tensor, "samples channels"], packed: PackedSamples
) -> Float[Tensor, "rays channels"]:
    """``accumulate`` for packed samples; 0 for rays without any.

    With nerfacc on a CUDA device, sums of the same numbers differ by rounding from run to run, unless
    ``torch.use_deterministic_algorithms`` is set.
    """
    nerfacc = load_nerfacc()
    if nerfacc is None:
        return accumulate_packed_reference(weights, values, packed)
    return nerfacc.accumulate_along_rays(weights, values, packed.ray_indices, packed.offsets.shape[0])


def render_weights_reference(opacity: Float[Tensor, "rays samples"]) -> Float[Tensor, "rays samples"]:
    """``render_weights`` in plain PyTorch."""
    passed = torch.cumprod(1 - opacity, dim=1)
    return opacity * torch.cat([torch.ones_like(passed[:, :1]), passed[:, :-1]], dim=1)


def accumulate_reference(
    weights: Float[Tensor, "rays samples"], values: Float[Tensor, "rays samples channels"]
) -> Float[Tensor, "rays channels"]:
    """``accumulate`` in plain PyTorch."""
    return torch.einsum("rs,rsc->rc", weights, values)


def accumulate_packed_reference(
    weights: Float[Tensor, " samples"], values: Float[Tensor, "samples channels"], packed: PackedSamples
) -> Float[Tensor, "rays channels"]:
    """``accumulate_packed`` in plain PyTorch: summed ray by ray in the order of the samples, on every device."""
    lengths: Int[Tensor, " rays"] = packed.count
    return torch.segment_reduce(weights[:, None] * values, "sum", lengths=lengths, axis=0)
