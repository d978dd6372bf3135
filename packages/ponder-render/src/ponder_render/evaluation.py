"""The field at many samples of a volume: SDF, normal, colour and semantics, in bounded memory.

``evaluate_field`` works through the samples in chunks that stay in the cache. In training, the backward pass
evaluates each chunk again instead of keeping its activations, and gathers what belongs to the volume into one
deterministic scatter: with ``s_k = d w_k . dn``, ``dV[corner_k] += w_k df + s_k g``.
``evaluate_field_reference`` computes the same in plain PyTorch.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from ponder_render.field import Appearance, Geometry, NeuralField
from ponder_render.placement import Placement
from ponder_render.query import contract, gather, interpolate, spatial_gradient
from ponder_render.scatter import scatter_rows

CPU_CHUNK = 4096
"""Samples at once on a CPU: activations stay in its cache."""

DEVICE_CHUNK = 1 << 18
"""Samples at once elsewhere: enough to fill the device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatValues:
    """What the field says at flat samples; the fields are those of ``FieldValues``."""

    sdf: Float[Tensor, " samples"]
    gradient: Float[Tensor, "samples 3"]
    color: Float[Tensor, "samples 3"] | None
    semantic: Float[Tensor, "samples semantic_channels"] | None


def default_chunk(tensor: Tensor) -> int:
    """How many samples to evaluate at once on the device of ``tensor``."""
    return CPU_CHUNK if tensor.device.type == "cpu" else DEVICE_CHUNK


def evaluate_sdf(
    field: NeuralField, placement: Placement, chunk: int | None = None
) -> Float[Tensor, " samples"]:
    """The SDF alone, metres, without gradient and without the other heads."""
    chunk = chunk or default_chunk(placement.feature)
    with torch.no_grad():
        parts = [placement.slice(a, a + chunk) for a in range(0, len(placement), chunk)]
        values = [field.sdf(part.coordinate, part.feature) for part in parts]
        return torch.cat(values) if values else placement.feature.new_zeros(0)


def evaluate_field(
    field: NeuralField,
    table: Float[Tensor, "cells channels"],
    placement: Placement,
    chunk: int | None = None,
) -> FlatValues:
    """Eq. 4, 5 and 9 at each sample. Differentiable once, in ``table`` and the field's parameters.

    Args:
        field: the networks.
        table: the volume; ``placement.feature`` must have been read from it.
        placement: where the samples lie.
        chunk: samples evaluated at once; the result does not depend on it beyond rounding.
    """
    parameters = [p for p in field.parameters() if p.requires_grad]
    outputs = _ChunkedField.apply(field, placement, chunk or default_chunk(table), table, *parameters)
    return _unpack(field, outputs)  # pyright: ignore[reportArgumentType]


def evaluate_field_reference(
    field: NeuralField, table: Float[Tensor, "cells channels"], placement: Placement
) -> FlatValues:
    """``evaluate_field`` composed of differentiable pieces, all samples at once."""
    feature = interpolate(table, placement.corners)
    geometry = field.geometry(placement.coordinate, feature)
    gradient = spatial_gradient(table, placement.corners, geometry.feature_gradient) + _direct(
        geometry, placement
    )
    look = field.appearance(placement.coordinate, feature, placement.direction, gradient, geometry.hidden)
    return FlatValues(sdf=geometry.sdf, gradient=gradient, color=look.color, semantic=look.semantic)


def _direct(geometry: Geometry, placement: Placement) -> Tensor:
    """The part of the normal that comes from the field's coordinate, not from its feature."""
    if placement.coordinate.shape[1] == 0:
        return placement.feature.new_zeros(len(placement), 3)
    return geometry.coordinate_gradient * placement.coordinate_scale


def _normal(table: Tensor, placement: Placement, geometry: Geometry) -> Tensor:
    """The SDF's gradient in world units; its part through the volume carries no gradient of its own."""
    through_volume = placement.corners.gradient(contract(table, placement.corners, geometry.feature_gradient))
    return through_volume + _direct(geometry, placement)


def _present(look: Appearance) -> list[Tensor]:
    return [value for value in (look.color, look.semantic) if value is not None]


def _unpack(field: NeuralField, outputs: tuple[Tensor, ...]) -> FlatValues:
    sdf, gradient, *heads = outputs
    color = heads.pop(0) if field.color_head is not None else None
    semantic = heads.pop(0) if field.semantic_head is not None else None
    return FlatValues(sdf=sdf, gradient=gradient, color=color, semantic=semantic)


class _ChunkedField(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx, field: NeuralField, placement: Placement, chunk: int, table: Tensor, *parameters: Tensor
    ):
        ctx.field, ctx.placement, ctx.chunk = field, placement, chunk
        ctx.save_for_backward(table, *parameters)
        parts = [
            _forward_chunk(field, table, placement.slice(a, a + chunk)) for a in _starts(placement, chunk)
        ]
        return tuple(torch.cat(column) for column in zip(*parts, strict=True))

    @staticmethod
    @once_differentiable
    def backward(ctx, *grads: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        table, *parameters = ctx.saved_tensors
        placement, chunk = ctx.placement, ctx.chunk
        back = _BackwardPass(field=ctx.field, table=table, parameters=tuple(parameters))
        sums = [torch.zeros_like(p) for p in parameters]
        by_sample = []
        with torch.autocast(table.device.type, enabled=False):
            for start in _starts(placement, chunk):
                part = [grad[start : start + chunk] for grad in grads]
                result = back.chunk(placement.slice(start, start + chunk), part)
                by_sample.append(result[:3])
                for total, grad in zip(sums, result[3], strict=True):
                    total += grad
        grad_table = None
        if ctx.needs_input_grad[3]:
            along, direction, grad_feature = (torch.cat(column) for column in zip(*by_sample, strict=True))
            corners = placement.corners
            grad_table = scatter_rows(
                table.shape[0], corners.rows, [(corners.weights, grad_feature), (along, direction)]
            )
        return None, None, None, grad_table, *sums


def _starts(placement: Placement, chunk: int) -> range:
    """Where the chunks begin; one (empty) chunk where there is no sample at all."""
    return range(0, max(len(placement), 1), chunk)


def _forward_chunk(field: NeuralField, table: Tensor, part: Placement) -> list[Tensor]:
    geometry = field.geometry(part.coordinate, part.feature)
    gradient = _normal(table, part, geometry)
    look = field.appearance(part.coordinate, part.feature, part.direction, gradient, geometry.hidden)
    return [geometry.sdf, gradient, *_present(look)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _BackwardPass:
    """Evaluates a chunk again, in two stages that meet at the normal, and differentiates each."""

    field: NeuralField
    table: Tensor
    parameters: tuple[Tensor, ...]

    def chunk(self, part: Placement, grads: list[Tensor]) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
        """``s_k``, ``g`` and ``df`` of the chunk's samples, and its share of the parameters' gradients."""
        grad_sdf, grad_gradient, *grad_heads = grads
        with torch.enable_grad():
            feature = part.feature.detach().requires_grad_()
            geometry = self.field.geometry(part.coordinate, feature)
        direction = geometry.feature_gradient.detach()
        gradient = _normal(self.table, part, geometry).detach()
        leaves = [part.feature.detach(), gradient, geometry.hidden.detach()]
        head_grads, head_parameters = self._differentiate_heads(part, leaves, grad_heads)
        grad_feature, grad_from_heads, grad_hidden = head_grads
        grad_gradient = grad_gradient + grad_from_heads
        along = part.corners.along(grad_gradient)
        grad_direction = gather(self.table, part.corners.rows, along)
        outputs = [geometry.sdf, geometry.hidden, geometry.feature_gradient]
        seeds = [grad_sdf, grad_hidden, grad_direction]
        if part.coordinate.shape[1]:
            outputs.append(geometry.coordinate_gradient)
            seeds.append(grad_gradient * part.coordinate_scale)
        grad_own, *geometry_parameters = _grad(outputs, [feature, *self.parameters], seeds)
        totals = [a + b for a, b in zip(head_parameters, geometry_parameters, strict=True)]
        return along, direction, grad_own + grad_feature, totals

    def _differentiate_heads(
        self, part: Placement, leaves: list[Tensor], grads: list[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Gradients of the heads in feature, normal and geometry feature, and in the parameters."""
        leaves = [leaf.requires_grad_() for leaf in leaves]
        feature, gradient, hidden = leaves
        with torch.enable_grad():
            look = self.field.appearance(part.coordinate, feature, part.direction, gradient, hidden)
        found = _grad(_present(look), [*leaves, *self.parameters], grads)
        return found[:3], found[3:]


def _grad(outputs: list[Tensor], inputs: list[Tensor], seeds: list[Tensor]) -> list[Tensor]:
    """Gradients, zero where an input has no part in the outputs."""
    live = [(o, s) for o, s in zip(outputs, seeds, strict=True) if o.requires_grad]
    if not live:
        return [torch.zeros_like(x) for x in inputs]
    found = torch.autograd.grad(
        [o for o, _ in live],
        inputs,
        [s.contiguous() for _, s in live],
        allow_unused=True,
        materialize_grads=True,
    )
    return list(found)
