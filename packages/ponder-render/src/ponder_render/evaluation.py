"""The field at many samples of a volume: SDF, normal, colour and semantics, in bounded memory.

``evaluate_field`` works through the samples in chunks that stay in the cache; ``recording`` says how a chunk
is differentiated. What belongs to the volume is collected over all chunks and added to it by one
deterministic scatter. ``evaluate_field_reference`` computes the same in plain PyTorch.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from ponder_render.field import NeuralField
from ponder_render.placement import Placement
from ponder_render.query import interpolate, spatial_gradient
from ponder_render.recording import ChunkGradients, differentiate, direct_gradient, record
from ponder_render.scatter import scatter_rows

CPU_CHUNK = 8192
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
    recompute: bool = False,
) -> FlatValues:
    """Eq. 4, 5 and 9 at each sample. Differentiable once, in ``table`` and the field's parameters.

    Args:
        field: the networks.
        table: the volume; ``placement.feature`` must have been read from it.
        placement: where the samples lie.
        chunk: samples evaluated at once; the result does not depend on it beyond rounding.
        recompute: evaluate each chunk again in the backward pass instead of keeping its activations.
    """
    geometry = [p for p in field.geometry_net.parameters() if p.requires_grad]
    first = {id(p) for p in geometry}
    heads = [p for p in field.parameters() if p.requires_grad and id(p) not in first]
    trained = torch.is_grad_enabled() and (table.requires_grad or bool(geometry) or bool(heads))
    chunks = _Chunks(
        field=field,
        placement=placement,
        size=chunk or default_chunk(table),
        keep=trained and not recompute,
        first_parameters=len(geometry),
    )
    sdf, gradient, *look = _ChunkedField.apply(chunks, table, *geometry, *heads)  # pyright: ignore
    color = look.pop(0) if field.color_head is not None else None
    semantic = look.pop(0) if field.semantic_head is not None else None
    return FlatValues(sdf=sdf, gradient=gradient, color=color, semantic=semantic)


def evaluate_field_reference(
    field: NeuralField, table: Float[Tensor, "cells channels"], placement: Placement
) -> FlatValues:
    """``evaluate_field`` composed of differentiable pieces, all samples at once."""
    feature = interpolate(table, placement.corners)
    geometry = field.geometry(placement.coordinate, feature)
    gradient = spatial_gradient(table, placement.corners, geometry.feature_gradient)
    gradient = gradient + direct_gradient(geometry, placement)
    look = field.appearance(placement.coordinate, feature, placement.direction, gradient, geometry.hidden)
    return FlatValues(sdf=geometry.sdf, gradient=gradient, color=look.color, semantic=look.semantic)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunks:
    """What to evaluate, in pieces of ``size``, and whether the pieces' graphs are kept for the backward pass."""

    field: NeuralField
    placement: Placement
    size: int
    keep: bool
    first_parameters: int

    def pieces(self) -> list[slice]:
        """The chunks; a single empty one where there is no sample at all."""
        return [slice(start, start + self.size) for start in range(0, max(len(self.placement), 1), self.size)]


class _ChunkedField(torch.autograd.Function):
    @staticmethod
    def forward(ctx, chunks: _Chunks, table: Tensor, *parameters: Tensor) -> tuple[Tensor, ...]:
        records, rows = [], []
        for piece in chunks.pieces():
            part = chunks.placement.slice(piece.start, piece.stop)
            with torch.set_grad_enabled(chunks.keep):
                now = record(chunks.field, part, table.detach())
            rows.append([output.detach() for output in now.outputs()])
            if chunks.keep:
                records.append(now)
        outputs = tuple(torch.cat(column) for column in zip(*rows, strict=True))
        ctx.chunks, ctx.records = chunks, records
        ctx.save_for_backward(table, outputs[1], *parameters)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx, *grads: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        table, normal, *parameters = ctx.saved_tensors
        chunks: _Chunks = ctx.chunks
        stages = parameters[: chunks.first_parameters], parameters[chunks.first_parameters :]
        totals = [torch.zeros_like(p) for p in parameters]
        volume = _VolumeGradient.empty(chunks.placement)
        with torch.autocast(table.device.type, enabled=False):
            for number, piece in enumerate(chunks.pieces()):
                part = chunks.placement.slice(piece.start, piece.stop)
                if chunks.keep:
                    now = ctx.records[number]
                else:
                    with torch.enable_grad():
                        now = record(chunks.field, part, table, gradient=normal[piece])
                found = differentiate(now, part, table, stages, [grad[piece] for grad in grads])
                volume.write(piece, found)
                for total, grad in zip(totals, found.parameters, strict=True):
                    if grad is not None:
                        total += grad
        grad_table = volume.scatter(table.shape[0], chunks.placement) if ctx.needs_input_grad[1] else None
        return None, grad_table, *totals


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

    def write(self, piece: slice, found: ChunkGradients) -> None:
        self.feature[piece] = found.feature
        self.along[piece] = found.along
        self.direction[piece] = found.direction

    def scatter(self, cells: int, placement: Placement) -> Float[Tensor, "{cells} channels"]:
        """``dV[corner_k] += w_k df + s_k g``."""
        corners = placement.corners
        terms = [(corners.weights, self.feature), (self.along, self.direction)]
        return scatter_rows(cells, corners.rows, terms)
