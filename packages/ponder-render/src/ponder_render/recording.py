"""A chunk of samples, evaluated in two stages that meet at the normal, and differentiated by hand.

The first stage is the SDF network with its gradient ``g`` in feature space, the second the heads that read
the normal ``n``. Between them ``n`` is made of ``g`` and the volume. So the backward pass first asks the
heads for their share of ``dn``; with ``s_k = (d w_k / d p) . dn`` the first stage then gets ``dg = sum_k s_k
V[corner_k]``, and the volume ``dV[corner_k] += w_k df + s_k g``.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ponder_render.field import Appearance, Geometry, NeuralField
from ponder_render.placement import Placement
from ponder_render.query import gather, project_jacobian


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A chunk's values, and the graphs of both stages where gradients were enabled.

    Attributes:
        feature: input of the first stage.
        geometry: its outputs.
        joint: inputs of the second stage: feature, normal and geometry feature, cut off from the first.
        look: its outputs.
    """

    feature: Float[Tensor, "samples channels"]
    geometry: Geometry
    joint: tuple[Tensor, Tensor, Tensor]
    look: Appearance

    def outputs(self) -> list[Tensor]:
        """SDF, normal, and what the field's heads say."""
        heads = [value for value in (self.look.color, self.look.semantic) if value is not None]
        return [self.geometry.sdf, self.joint[1], *heads]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkGradients:
    """Gradients of a chunk: ``df``, ``s_k`` and ``g`` for the volume, and those of the parameters (None for 0)."""

    feature: Float[Tensor, "samples channels"]
    along: Float[Tensor, "samples 8"]
    direction: Float[Tensor, "samples channels"]
    parameters: list[Tensor | None]


def record(
    field: NeuralField, part: Placement, table: Tensor, gradient: Float[Tensor, "samples 3"] | None = None
) -> Record:
    """Evaluate a chunk; with ``gradient`` given, the normal known from before is not computed again."""
    trained = torch.is_grad_enabled()
    feature = part.feature.detach().requires_grad_(trained)
    geometry = field.geometry(part.coordinate, feature)
    if gradient is None:
        gradient = project_jacobian(table, part.corners, geometry.feature_gradient)
        gradient = gradient + direct_gradient(geometry, part).detach()
    joint = (part.feature.detach(), gradient.detach(), geometry.hidden.detach())
    shared, normal, hidden = (leaf.requires_grad_(trained) for leaf in joint)
    look = field.appearance(part.coordinate, shared, part.direction, normal, hidden)
    return Record(feature=feature, geometry=geometry, joint=(shared, normal, hidden), look=look)


def direct_gradient(geometry: Geometry, part: Placement) -> Float[Tensor, "samples 3"]:
    """The part of the normal that comes from the field's coordinate, not from its feature."""
    if part.coordinate.shape[1] == 0:
        return part.feature.new_zeros(len(part), 3)
    return geometry.coordinate_gradient * part.coordinate_scale


def differentiate(
    chunk: Record,
    part: Placement,
    table: Tensor,
    parameters: tuple[list[Tensor], list[Tensor]],
    grads: list[Tensor],
) -> ChunkGradients:
    """Pull the gradients of ``chunk.outputs()`` back; ``parameters`` are those of the first and second stage."""
    grad_sdf, grad_normal, *grad_heads = grads
    found = _grad(chunk.outputs()[2:], [*chunk.joint, *parameters[1]], grad_heads)
    grad_shared, grad_from_heads, grad_hidden = (
        torch.zeros_like(leaf) if grad is None else grad
        for leaf, grad in zip(chunk.joint, found, strict=False)
    )
    grad_normal = grad_normal + grad_from_heads
    along = part.corners.along(grad_normal)
    geometry = chunk.geometry
    outputs = [geometry.sdf, geometry.hidden, geometry.feature_gradient]
    seeds = [grad_sdf, grad_hidden, gather(table, part.corners.rows, along)]
    if part.coordinate.shape[1]:
        outputs.append(geometry.coordinate_gradient)
        seeds.append(grad_normal * part.coordinate_scale)
    grad_feature, *grad_parameters = _grad(outputs, [chunk.feature, *parameters[0]], seeds)
    return ChunkGradients(
        feature=grad_shared if grad_feature is None else grad_shared + grad_feature,
        along=along,
        direction=geometry.feature_gradient.detach(),
        parameters=[*grad_parameters, *found[3:]],
    )


def _grad(outputs: list[Tensor], inputs: list[Tensor], seeds: list[Tensor]) -> list[Tensor | None]:
    """Gradients of the outputs that have any; None for inputs that play no part. The graph stays usable."""
    live = [(output, seed) for output, seed in zip(outputs, seeds, strict=True) if output.requires_grad]
    if not live:
        return [None] * len(inputs)
    outputs, seeds = [output for output, _ in live], [seed for _, seed in live]
    return list(torch.autograd.grad(outputs, inputs, seeds, allow_unused=True, retain_graph=True))
