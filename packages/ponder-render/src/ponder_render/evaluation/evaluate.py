"""The field at many samples of a volume: SDF, normal, colour and semantics, in bounded memory.

``evaluate_field`` folds the field's linear layers (``folding``) and works through the samples in chunks that stay in
the cache, forward and backward by hand (``chunk_pass``). What belongs to the volume is added to it some chunks at a
time, deterministically. ``evaluate_field_reference`` computes the same in plain PyTorch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from ponder_render.evaluation.chunk_pass import (
    ChunkPass,
    Tables,
    VolumeShare,
    chunk_backward,
    chunk_forward,
    field_inputs,
    shorten,
)
from ponder_render.evaluation.chunk_threads import in_order
from ponder_render.evaluation.deferred import DeferredSemantics, PlainSemantics, SampleRays, SemanticSamples
from ponder_render.evaluation.folding import fold, fold_semantic_output
from ponder_render.evaluation.geometry_pass import Activations, sdf_forward
from ponder_render.evaluation.placement import Placement
from ponder_render.evaluation.plan import EvaluationPlan, Piece
from ponder_render.field.neural_field import NeuralField
from ponder_render.volume.query import interpolate_reference, spatial_gradient_reference
from ponder_render.volume.scatter import RowSums, sort_rows

CPU_CHUNK = 8192
"""Most samples at once on a CPU: enough for two threads to share."""

CPU_VALUES = 1 << 20
"""Most values of one layer at once on a CPU: activations of wide fields stay in its cache."""

DEVICE_CHUNK = 1 << 18
"""Samples at once elsewhere: enough to fill the device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatValues:
    """What the field says at flat samples; the fields are those of ``FieldValues``, None where there is no head."""

    sdf: Float[Tensor, " samples"]
    gradient: Float[Tensor, "samples 3"]
    color: Float[Tensor, "samples 3"] | None
    semantic: SemanticSamples | None


def default_chunk(features: Tensor) -> int:
    """How many samples to evaluate at once, on the device of ``features`` and with as many channels."""
    if features.device.type != "cpu":
        return DEVICE_CHUNK
    return max(1, min(CPU_CHUNK, CPU_VALUES // max(features.shape[-1], 1)))


@torch.no_grad()
def evaluate_sdf(
    field: NeuralField, placement: Placement, chunk: int | None = None
) -> Float[Tensor, " samples"]:
    """The SDF alone, metres, without gradient and without the other heads."""
    sdf, _ = evaluate_sdf_keeping(field, placement, chunk, keep=False)
    return sdf


@torch.no_grad()
def evaluate_sdf_keeping(
    field: NeuralField, placement: Placement, chunk: int | None = None, keep: bool = True
) -> tuple[Float[Tensor, " samples"], list[Activations]]:
    """The SDF alone and, chunk by chunk, the activations that spare ``evaluate_field`` half of its way there."""
    chunk = chunk or default_chunk(placement.feature)
    folded, values, kept = fold(field), [placement.feature.new_zeros(0)], []

    def evaluate(start: int) -> tuple[Tensor, Activations]:
        return sdf_forward(folded, field_inputs(placement.slice(start, start + chunk)))

    starts = range(0, len(placement), chunk)
    for sdf, activations in in_order(evaluate, starts, placement.feature.device):
        values.append(sdf)
        if keep and activations:
            kept.append(activations)
    return torch.cat(values), kept


def evaluate_field(
    field: NeuralField,
    table: Float[Tensor, "cells channels"],
    placement: Placement,
    chunk: int | None = None,
    recompute: bool = False,
    rays: SampleRays | None = None,
    activations: Sequence[Activations] = (),
    appearance: Float[Tensor, "cells appearance_channels"] | None = None,
) -> FlatValues:
    """Eq. 4, 5 and 9 at each sample. Differentiable once, in the tables and the field's parameters.

    Args:
        field: the networks.
        table: the volume; ``placement.feature`` must have been read from it.
        placement: where the samples lie.
        chunk: samples evaluated at once; the result does not depend on it beyond rounding.
        recompute: evaluate each chunk again in the backward pass instead of keeping its activations.
        rays: along which semantics can be summed; None: each sample is a ray of its own.
        activations: of the first samples, by ``evaluate_sdf_keeping`` with the same parameters.
        appearance: the volume's, where the heads have channels of their own.

    Raises:
        ValueError: when ``appearance`` is not what the heads read.
    """
    _check_appearance(field, appearance)
    folded, output = fold(field), fold_semantic_output(field)
    tensors = folded.tensors()
    read = [table] if appearance is None else [table, appearance]
    trained = torch.is_grad_enabled() and any(t.requires_grad for t in (*read, *tensors))
    rays = rays or _own_rays(placement)
    plan = EvaluationPlan(
        folded=folded.rebuild(iter([tensor.detach() for tensor in tensors])),
        placement=placement,
        rays=rays,
        chunk=chunk or default_chunk(table),
        keep=trained and not recompute,
        semantic_channels=0 if output is None else sum(weight.shape[1] for weight in output.weights),
        appearance_channels=field.config.appearance_channels,
        activations=activations,
    )
    sdf, gradient, *rest = _ChunkedField.apply(plan, table, appearance, *tensors)  # pyright: ignore
    color = rest.pop(0) if folded.color is not None else None
    semantic = None
    if output is not None:
        *summed, by_sample, by_ray = rest
        pieces = plan.summed_pieces(summed, shorten(gradient.detach()))
        semantic = DeferredSemantics(pieces=pieces, output=output, rays=rays, carriers=[(by_sample, by_ray)])
    return FlatValues(sdf=sdf, gradient=gradient, color=color, semantic=semantic)


def evaluate_field_reference(
    field: NeuralField,
    table: Float[Tensor, "cells channels"],
    placement: Placement,
    rays: SampleRays | None = None,
    appearance: Float[Tensor, "cells appearance_channels"] | None = None,
) -> FlatValues:
    """``evaluate_field`` in plain PyTorch, all samples at once: differentiable any number of times."""
    feature = interpolate_reference(table, placement.corners)
    geometry = field.geometry(placement.coordinate, feature)
    gradient = spatial_gradient_reference(table, placement.corners, geometry.feature_gradient)
    if placement.coordinate.shape[1]:
        gradient = gradient + geometry.coordinate_gradient * placement.coordinate_scale
    seen = feature if appearance is None else interpolate_reference(appearance, placement.corners)
    look = field.appearance(placement.coordinate, seen, placement.direction, gradient, geometry.hidden)
    semantic = None
    if look.semantic is not None:
        semantic = PlainSemantics(values=look.semantic, rays=rays or _own_rays(placement))
    return FlatValues(sdf=geometry.sdf, gradient=gradient, color=look.color, semantic=semantic)


def _check_appearance(field: NeuralField, appearance: Tensor | None) -> None:
    given, wanted = 0 if appearance is None else appearance.shape[1], field.config.appearance_channels
    if given != wanted:
        raise ValueError(
            f"the field's heads read {wanted} channels of their own but appearance has {given}; "
            "pass the volume's appearance"
        )


def _own_rays(placement: Placement) -> SampleRays:
    index = torch.arange(len(placement), device=placement.feature.device)
    return SampleRays(index=index, count=len(placement))


class _ChunkedField(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx, plan: EvaluationPlan, table: Tensor, appearance: Tensor | None, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        fixed = Tables(shared=table.detach(), appearance=None if appearance is None else appearance.detach())

        def evaluate(piece: Piece) -> ChunkPass:
            return chunk_forward(plan.folded, plan.part(piece), fixed, piece.activations)

        kept, rows, summed, pieces = [], [], [], plan.pieces()
        for piece, known in zip(pieces, in_order(evaluate, pieces, table.device), strict=True):
            rows.append([known.geometry.sdf, known.normal, *known.color[-1:]])
            summed.extend(plan.summed(known))
            kept.append((Piece(samples=piece.samples), known if plan.keep else None))
        outputs = [torch.cat(column) for column in zip(*rows, strict=True)]
        ctx.plan, ctx.kept = replace(plan, activations=()), kept
        ctx.save_for_backward(table, appearance, outputs[1])
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*summed)
        return *outputs, *summed, *plan.carriers()

    @staticmethod
    @once_differentiable
    def backward(ctx, *grads: Tensor | None):  # pyright: ignore[reportIncompatibleMethodOverride]
        table, appearance, normal = ctx.saved_tensors
        plan: EvaluationPlan = ctx.plan
        seeds, tables = plan.seeds(grads), Tables(shared=table, appearance=appearance)
        like = plan.placement.feature
        grad_table = like.new_zeros(table.shape) if ctx.needs_input_grad[1] else None
        grad_appearance = like.new_zeros(appearance.shape) if ctx.needs_input_grad[2] else None

        def differentiate(
            kept: tuple[Piece, ChunkPass | None],
        ) -> tuple[list[Tensor], RowSums | None, RowSums | None]:
            piece, known = kept
            part, sums = plan.part(piece), [torch.zeros_like(tensor) for tensor in plan.folded.tensors()]
            by_layer = plan.folded.rebuild(iter(sums))
            with torch.autocast(table.device.type, enabled=False):
                known = known or chunk_forward(plan.folded, part, tables, normal=normal[piece.samples])
                found = chunk_backward(
                    plan.folded, by_layer, part, tables, known, seeds.of(piece.samples, plan)
                )
            shared, apart = grad_table is not None, grad_appearance is not None
            return sums, *_volume_sums(part, found, shared=shared, apart=apart)

        totals = [torch.zeros_like(tensor) for tensor in plan.folded.tensors()]
        for sums, *shares in in_order(differentiate, ctx.kept, table.device):
            for total, found in zip(totals, sums, strict=True):
                total.add_(found)
            for rows, grad in zip(shares, (grad_table, grad_appearance), strict=True):
                if rows is not None and grad is not None:
                    rows.add_to(grad)
        return None, grad_table, grad_appearance, *totals


def _volume_sums(
    part: Placement, found: VolumeShare, *, shared: bool, apart: bool
) -> tuple[RowSums | None, RowSums | None]:
    """``dV[corner_k] += w_k df + s_k g``, and for the heads' own channels ``w_k df``: each where it is asked for."""
    if not (shared or apart):
        return None, None
    order, weights = sort_rows(part.corners.rows), part.corners.weights
    on_shared = order.sums([(weights, found.feature), (found.along, found.direction)]) if shared else None
    on_apart = None
    if apart and found.appearance is not None:
        on_apart = order.sums([(weights, found.appearance)])
    return on_shared, on_apart
