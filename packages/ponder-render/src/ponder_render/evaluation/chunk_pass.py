"""A chunk of samples, evaluated and differentiated by hand.

With the gradient ``g`` of the SDF network in feature space, the normal is ``n = sum_k (d w_k / d p) (V[corner_k] . g)``
(and a part from the field's coordinate). Backward, the heads first say what they want of ``n``. With ``s_k = (d w_k /
d p) . dn`` the SDF network then gets ``dg = sum_k s_k V[corner_k]``, and the volume ``dV[corner_k] += w_k df + s_k g``:
no second differentiation through the gather.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ponder_render.evaluation.folding import FoldedField
from ponder_render.evaluation.geometry_pass import (
    Activations,
    GeometryPass,
    geometry_backward,
    geometry_forward,
)
from ponder_render.evaluation.head_pass import Blocks, head_backward, head_forward
from ponder_render.evaluation.placement import Placement
from ponder_render.volume.query import gather, project_jacobian


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkPass:
    """What the field said about a chunk, and what its backward pass needs.

    Attributes:
        geometry: of the SDF network.
        normal: d sdf / d position, before it is shortened.
        color: outputs of the colour head's layers, the last through the sigmoid.
        semantic: outputs of the semantic head's hidden layers, all rectified.
        appearance: features of the heads' own; None where they read the SDF network's.
    """

    geometry: GeometryPass
    normal: Float[Tensor, "samples 3"]
    color: list[Float[Tensor, "samples _"]]
    semantic: list[Float[Tensor, "samples _"]]
    appearance: Float[Tensor, "samples appearance_channels"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The volume's values: what the SDF network reads, and what the heads have to themselves (None: the same)."""

    shared: Float[Tensor, "cells channels"]
    appearance: Float[Tensor, "cells appearance_channels"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkSeeds:
    """Gradients of a chunk's results; None for 0. ``semantic`` is of ``f``, ``a``, ``n`` or the last activations."""

    sdf: Float[Tensor, " samples"]
    normal: Float[Tensor, "samples 3"]
    color: Float[Tensor, "samples 3"] | None
    semantic: Blocks | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeShare:
    """What a chunk leaves for the volume: ``df``, ``s_k`` and ``g``, and ``df`` of the heads' own features."""

    feature: Float[Tensor, "samples channels"]
    along: Float[Tensor, "samples 8"]
    direction: Float[Tensor, "samples channels"]
    appearance: Float[Tensor, "samples appearance_channels"] | None


def chunk_forward(
    folded: FoldedField,
    part: Placement,
    tables: Tables,
    activations: Activations | None = None,
    normal: Float[Tensor, "samples 3"] | None = None,
) -> ChunkPass:
    """Evaluate a chunk; ``activations`` or a ``normal`` known from before are not computed again."""
    inputs = field_inputs(part)
    geometry, gradient = geometry_forward(folded, inputs, activations)
    if normal is None:
        normal = project_jacobian(tables.shared, part.corners, gradient[:, folded.coordinates :])
        if folded.coordinates:
            normal.addcmul_(gradient[:, : folded.coordinates], part.coordinate_scale)
    appearance = None
    if tables.appearance is not None:
        appearance = gather(tables.appearance, part.corners.rows, part.corners.weights)
    blocks = _blocks(folded, head_inputs(part, inputs, appearance), geometry, shorten(normal))
    color = [] if folded.color is None else head_forward(folded.color, [*blocks, part.direction])
    semantic = [] if folded.semantic is None else head_forward(folded.semantic, blocks)
    if color:
        color[-1].sigmoid_()
    if semantic:
        semantic[-1].relu_()
    return ChunkPass(geometry=geometry, normal=normal, color=color, semantic=semantic, appearance=appearance)


def chunk_backward(
    folded: FoldedField,
    sums: FoldedField,
    part: Placement,
    tables: Tables,
    known: ChunkPass,
    seeds: ChunkSeeds,
) -> VolumeShare:
    """Add the parameters' gradients to ``sums`` and return the volume's share."""
    inputs, coordinates = field_inputs(part), folded.coordinates
    places = head_inputs(part, inputs, known.appearance)
    blocks = _blocks(folded, places, known.geometry, shorten(known.normal))
    wanted: Blocks = []
    if folded.color is not None and sums.color is not None and seeds.color is not None:
        shade = known.color[-1]
        grad, read = seeds.color * shade * (1 - shade), [*blocks, part.direction]
        wanted = head_backward(folded.color, sums.color, read, known.color, grad, coordinates)
    if seeds.semantic is not None:
        found = seeds.semantic
        if folded.semantic is not None and sums.semantic is not None:
            grad = found[0] * (known.semantic[-1] > 0)
            found = head_backward(folded.semantic, sums.semantic, blocks, known.semantic, grad, coordinates)
        wanted = [a.add_(b) for a, b in zip(wanted, found, strict=True)] if wanted else found
    grad_normal = seeds.normal
    if wanted:
        grad_normal = grad_normal + shorten_backward(known.normal, wanted[-1])
    along = part.corners.along(grad_normal)
    grad_gradient = gather(tables.shared, part.corners.rows, along)
    if coordinates:
        grad_gradient = torch.cat([grad_normal * part.coordinate_scale, grad_gradient], dim=1)
    grad_activation = wanted[1] if wanted and folded.activation_block else None
    grad_feature, direction = geometry_backward(
        folded, sums, inputs, known.geometry, seeds.sdf, grad_activation, grad_gradient
    )
    if wanted and known.appearance is None:
        grad_feature.add_(wanted[0])
    apart = wanted[0] if wanted and known.appearance is not None else None
    return VolumeShare(feature=grad_feature, along=along, direction=direction, appearance=apart)


def field_inputs(part: Placement) -> Float[Tensor, "samples inputs"]:
    """``[p, f]``."""
    if part.coordinate.shape[1] == 0:
        return part.feature
    return torch.cat([part.coordinate, part.feature], dim=1)


def head_inputs(
    part: Placement, inputs: Float[Tensor, "samples inputs"], appearance: Tensor | None
) -> Float[Tensor, "samples places"]:
    """What the heads read in place of ``[p, f]``: the same, or ``p`` and features of their own."""
    if appearance is None:
        return inputs
    return torch.cat([part.coordinate, appearance], dim=1) if part.coordinate.shape[1] else appearance


def shorten(normal: Float[Tensor, "samples 3"]) -> Float[Tensor, "samples 3"]:
    """What heads see of the normal: at most unit length."""
    return normal * normal.square().sum(dim=1, keepdim=True).clamp_(min=1).rsqrt_()


def shorten_backward(
    normal: Float[Tensor, "samples 3"], grad: Float[Tensor, "samples 3"]
) -> Float[Tensor, "samples 3"]:
    """Gradient of ``normal`` given that of ``shorten(normal)``."""
    square = normal.square().sum(dim=1, keepdim=True)
    long = square > 1
    scale = square.clamp(min=1).rsqrt_()
    # A longer one only turns: what is along it falls away.
    radial = (grad * normal).sum(dim=1, keepdim=True) / square.clamp(min=1) * long
    return (grad - normal * radial) * scale


def _blocks(folded: FoldedField, places: Tensor, geometry: GeometryPass, normal: Tensor) -> Blocks:
    activation = geometry.activations[-1:] if folded.activation_block else []
    return [places, *activation, normal]
