"""The field at many samples of a volume: SDF, normal, colour and semantics, in bounded memory.

``evaluate_field`` folds the field's linear layers (``folding``) and works through the samples in chunks that stay in
the cache, forward and backward by hand (``chunk_pass``). What belongs to the volume is collected over all chunks and
added to it by one deterministic scatter. ``evaluate_field_reference`` computes the same in plain PyTorch.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from ponder_render.chunk_pass import (
    ChunkPass,
    ChunkSeeds,
    VolumeShare,
    chunk_backward,
    chunk_forward,
    field_inputs,
    shorten,
)
from ponder_render.deferred import DeferredSemantics, PlainSemantics, SampleRays, SemanticSamples
from ponder_render.field import NeuralField
from ponder_render.folding import FoldedField, fold, fold_semantic_output
from ponder_render.geometry_pass import sdf_forward
from ponder_render.placement import Placement
from ponder_render.query import interpolate_reference, spatial_gradient_reference
from ponder_render.scatter import scatter_rows

CPU_CHUNK = 8192
"""Samples at once on a CPU: activations stay in its cache."""

DEVICE_CHUNK = 1 << 18
"""Samples at once elsewhere: enough to fill the device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatValues:
    """What the field says at flat samples; the fields are those of ``FieldValues``, None where there is no head."""

    sdf: Float[Tensor, " samples"]
    gradient: Float[Tensor, "samples 3"]
    color: Float[Tensor, "samples 3"] | None
    semantic: SemanticSamples | None


def default_chunk(tensor: Tensor) -> int:
    """How many samples to evaluate at once on the device of ``tensor``."""
    return CPU_CHUNK if tensor.device.type == "cpu" else DEVICE_CHUNK


@torch.no_grad()
def evaluate_sdf(
    field: NeuralField, placement: Placement, chunk: int | None = None
) -> Float[Tensor, " samples"]:
    """The SDF alone, metres, without gradient and without the other heads."""
    chunk = chunk or default_chunk(placement.feature)
    folded = fold(field)
    parts = [placement.slice(a, a + chunk) for a in range(0, len(placement), chunk)]
    values = [sdf_forward(folded, field_inputs(part)) for part in parts]
    return torch.cat(values) if values else placement.feature.new_zeros(0)


def evaluate_field(
    field: NeuralField,
    table: Float[Tensor, "cells channels"],
    placement: Placement,
    chunk: int | None = None,
    recompute: bool = False,
    rays: SampleRays | None = None,
) -> FlatValues:
    """Eq. 4, 5 and 9 at each sample. Differentiable once, in ``table`` and the field's parameters.

    Args:
        field: the networks.
        table: the volume; ``placement.feature`` must have been read from it.
        placement: where the samples lie.
        chunk: samples evaluated at once; the result does not depend on it beyond rounding.
        recompute: evaluate each chunk again in the backward pass instead of keeping its activations.
        rays: along which semantics can be summed; None: each sample is a ray of its own.
    """
    folded, output = fold(field), fold_semantic_output(field)
    tensors = folded.tensors()
    trained = torch.is_grad_enabled() and any(t.requires_grad for t in (table, *tensors))
    rays = rays or _own_rays(placement)
    plan = _Plan(
        folded=folded.rebuild(iter([tensor.detach() for tensor in tensors])),
        placement=placement,
        rays=rays,
        size=chunk or default_chunk(table),
        keep=trained and not recompute,
        semantic_channels=0 if output is None else sum(weight.shape[1] for weight in output.weights),
    )
    sdf, gradient, *rest = _ChunkedField.apply(plan, table, *tensors)  # pyright: ignore
    color = rest.pop(0) if folded.color is not None else None
    semantic = None
    if output is not None:
        *activation, by_sample, by_ray = rest
        blocks = activation
        if folded.semantic is None:
            blocks = [placement.coordinate, placement.feature, *activation, shorten(gradient.detach())]
        semantic = DeferredSemantics(blocks=blocks, output=output, rays=rays, carriers=[(by_sample, by_ray)])
    return FlatValues(sdf=sdf, gradient=gradient, color=color, semantic=semantic)


def evaluate_field_reference(
    field: NeuralField,
    table: Float[Tensor, "cells channels"],
    placement: Placement,
    rays: SampleRays | None = None,
) -> FlatValues:
    """``evaluate_field`` in plain PyTorch, all samples at once: differentiable any number of times."""
    feature = interpolate_reference(table, placement.corners)
    geometry = field.geometry(placement.coordinate, feature)
    gradient = spatial_gradient_reference(table, placement.corners, geometry.feature_gradient)
    if placement.coordinate.shape[1]:
        gradient = gradient + geometry.coordinate_gradient * placement.coordinate_scale
    look = field.appearance(placement.coordinate, feature, placement.direction, gradient, geometry.hidden)
    semantic = None
    if look.semantic is not None:
        semantic = PlainSemantics(values=look.semantic, rays=rays or _own_rays(placement))
    return FlatValues(sdf=geometry.sdf, gradient=gradient, color=look.color, semantic=semantic)


def _own_rays(placement: Placement) -> SampleRays:
    index = torch.arange(len(placement), device=placement.feature.device)
    return SampleRays(index=index, count=len(placement))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What to evaluate, in pieces of ``size``, and whether what they found is kept for the backward pass.

    ``semantic_channels`` is the width of what the semantic head's last layer reads, 0 where there is no such head.
    """

    folded: FoldedField
    placement: Placement
    rays: SampleRays
    size: int
    keep: bool
    semantic_channels: int

    def pieces(self) -> list[slice]:
        """The chunks; a single empty one where there is no sample at all."""
        return [slice(start, start + self.size) for start in range(0, max(len(self.placement), 1), self.size)]

    def results(self, known: ChunkPass) -> list[Tensor]:
        """SDF, normal, colour, and the activations that sums of semantics need besides features and normals."""
        found = [known.geometry.sdf, known.normal, *known.color[-1:]]
        if self.folded.semantic is not None:
            return [*found, known.semantic[-1]]
        deferred = self.semantic_channels > 0 and self.folded.activation_block
        return [*found, known.geometry.activations[-1]] if deferred else found

    def semantic_rows(self, by_ray: Float[Tensor, "rays channels"]) -> list[Float[Tensor, "rays _"]]:
        """Gradients of what is summed along rays, block by block (or those of the head's last activations)."""
        if self.folded.semantic is not None:
            return [by_ray]
        inputs = self.placement.coordinate.shape[1] + self.placement.feature.shape[1]
        width = [self.semantic_channels - inputs - 3] if self.folded.activation_block else []
        return [block.contiguous() for block in by_ray.split([inputs, *width, 3], dim=1)]

    def seeds(self, piece: slice, grads: "_Grads") -> ChunkSeeds:
        """The gradients of a chunk's results."""
        like = self.placement.feature[piece]
        semantic = None
        if grads.semantic is not None:
            # See ``deferred._Sums``: the gradient of what was summed is w_j times its ray's row.
            weights, rows = grads.semantic
            ray = self.rays.index[piece]
            semantic = [block[ray].mul_(weights[piece, None]) for block in rows]
        return ChunkSeeds(
            sdf=like.new_zeros(like.shape[0]) if grads.sdf is None else grads.sdf[piece],
            normal=like.new_zeros(like.shape[0], 3) if grads.normal is None else grads.normal[piece],
            color=None if grads.color is None else grads.color[piece],
            semantic=semantic,
        )

    def grads(self, grads: tuple[Tensor | None, ...]) -> "_Grads":
        """Autograd's gradients by name."""
        semantic = None
        if self.semantic_channels and grads[-1] is not None and grads[-2] is not None:
            semantic = grads[-2], self.semantic_rows(grads[-1])
        color = grads[2] if self.folded.color is not None else None
        return _Grads(sdf=grads[0], normal=grads[1], color=color, semantic=semantic)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grads:
    """Gradients of all samples' results, None for 0; of semantics the weights and the rows of the rays."""

    sdf: Float[Tensor, " samples"] | None
    normal: Float[Tensor, "samples 3"] | None
    color: Float[Tensor, "samples 3"] | None
    semantic: tuple[Float[Tensor, " samples"], list[Tensor]] | None


class _ChunkedField(torch.autograd.Function):
    @staticmethod
    def forward(ctx, plan: _Plan, table: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        kept, rows = [], []
        for piece in plan.pieces():
            part = plan.placement.slice(piece.start, piece.stop)
            known = chunk_forward(plan.folded, part, table)
            rows.append(plan.results(known))
            if plan.keep:
                kept.append(known)
        outputs = [torch.cat(column) for column in zip(*rows, strict=True)]
        ctx.plan, ctx.kept = plan, kept
        ctx.save_for_backward(table, outputs[1])
        ctx.set_materialize_grads(False)
        if plan.semantic_channels:
            ctx.mark_non_differentiable(*outputs[2 + (plan.folded.color is not None) :])
            like = plan.placement.feature
            outputs += [like.new_zeros(len(like)), like.new_zeros(plan.rays.count, plan.semantic_channels)]
        return tuple(outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx, *grads: Tensor | None):  # pyright: ignore[reportIncompatibleMethodOverride]
        table, normal = ctx.saved_tensors
        plan: _Plan = ctx.plan
        sums = [torch.zeros_like(tensor) for tensor in plan.folded.tensors()]
        by_layer = plan.folded.rebuild(iter(sums))
        volume, wanted = _VolumeGradient.empty(plan.placement), plan.grads(grads)
        with torch.autocast(table.device.type, enabled=False):
            for number, piece in enumerate(plan.pieces()):
                part = plan.placement.slice(piece.start, piece.stop)
                known = ctx.kept[number] if plan.keep else None
                known = known or chunk_forward(plan.folded, part, table, normal[piece])
                seeds = plan.seeds(piece, wanted)
                volume.write(piece, chunk_backward(plan.folded, by_layer, part, table, known, seeds))
        grad_table = volume.scatter(table.shape[0], plan.placement) if ctx.needs_input_grad[1] else None
        return None, grad_table, *sums


@dataclass(frozen=True, slots=True, kw_only=True)
class _VolumeGradient:
    """What all chunks leave for the volume, one row per sample."""

    feature: Float[Tensor, "samples channels"]
    along: Float[Tensor, "samples 8"]
    direction: Float[Tensor, "samples channels"]

    @staticmethod
    def empty(placement: Placement) -> "_VolumeGradient":
        return _VolumeGradient(
            feature=torch.empty_like(placement.feature),
            along=torch.empty_like(placement.corners.weights),
            direction=torch.empty_like(placement.feature),
        )

    def write(self, piece: slice, found: VolumeShare) -> None:
        self.feature[piece] = found.feature
        self.along[piece] = found.along
        self.direction[piece] = found.direction

    def scatter(self, cells: int, placement: Placement) -> Float[Tensor, "{cells} channels"]:
        """``dV[corner_k] += w_k df + s_k g``."""
        corners = placement.corners
        terms = [(corners.weights, self.feature), (self.along, self.direction)]
        return scatter_rows(cells, corners.rows, terms)
