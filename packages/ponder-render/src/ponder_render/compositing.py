"""From opacities to pictures (Eq. 6): weights, and sums along rays.

Goes through nerfacc's dense functions, which run on any device; where nerfacc cannot be imported, the same
formulas in plain PyTorch take their place.
"""

import functools
import importlib.util
import warnings
from types import ModuleType

import torch
from jaxtyping import Float
from torch import Tensor


@functools.cache
def load_nerfacc() -> ModuleType | None:
    """nerfacc, or None where it is not installed: the package's one check for it."""
    if importlib.util.find_spec("nerfacc") is None:
        return None
    with warnings.catch_warnings():
        # Its docstrings hold invalid escapes, which Python reports when it first compiles them.
        warnings.simplefilter("ignore")
        return importlib.import_module("nerfacc")


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


def render_weights_reference(opacity: Float[Tensor, "rays samples"]) -> Float[Tensor, "rays samples"]:
    """``render_weights`` in plain PyTorch."""
    passed = torch.cumprod(1 - opacity, dim=1)
    return opacity * torch.cat([torch.ones_like(passed[:, :1]), passed[:, :-1]], dim=1)


def accumulate_reference(
    weights: Float[Tensor, "rays samples"], values: Float[Tensor, "rays samples channels"]
) -> Float[Tensor, "rays channels"]:
    """``accumulate`` in plain PyTorch."""
    return torch.einsum("rs,rsc->rc", weights, values)
