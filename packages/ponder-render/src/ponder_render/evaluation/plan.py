"""What ``evaluate_field`` evaluates, in which pieces, and how their results and gradients lie in memory."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from ponder_render.evaluation.chunk_pass import ChunkPass, ChunkSeeds
from ponder_render.evaluation.deferred import SampleRays
from ponder_render.evaluation.folding import FoldedField
from ponder_render.evaluation.geometry_pass import Activations
from ponder_render.evaluation.placement import Placement
from ponder_render.volume.query import gather


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Samples that are evaluated together, and the SDF network's activations where they are known from before."""

    samples: slice
    activations: Activations | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPlan:
    """An evaluation of all samples.

    Attributes:
        folded: the networks, cut off from autograd.
        placement: where the samples lie.
        rays: of the samples.
        chunk: most samples in a piece.
        keep: whether what the pieces found is kept for the backward pass.
        semantic_channels: width of what the semantic head's last layer reads; 0: there is no such head.
        appearance_channels: of the features that the heads have to themselves; 0: there are none.
        activations: known ones of the first samples, piece by piece.
    """

    folded: FoldedField
    placement: Placement
    rays: SampleRays
    chunk: int
    keep: bool
    semantic_channels: int
    appearance_channels: int
    activations: Sequence[Activations]

    def pieces(self) -> list[Piece]:
        """The pieces; a single empty one where there is no sample at all."""
        pieces, start = [], 0
        for known in self.activations:
            stop = start + known[0].shape[0]
            pieces.append(Piece(samples=slice(start, stop), activations=known))
            start = stop
        for begin in range(start, max(len(self.placement), 1), self.chunk):
            pieces.append(Piece(samples=slice(begin, begin + self.chunk)))
        return pieces

    def part(self, piece: Piece) -> Placement:
        """Where the samples of a piece lie."""
        return self.placement.slice(piece.samples.start, piece.samples.stop)

    def summed(self, known: ChunkPass) -> list[Float[Tensor, "samples _"]]:
        """What sums of semantics read of a piece beside its placement and normals; nothing where there are none."""
        if self.folded.semantic is not None:
            return known.semantic[-1:]
        if not self.semantic_channels:
            return []
        apart = [] if known.appearance is None else [known.appearance]
        return [*apart, *(known.geometry.activations[-1:] if self.folded.activation_block else [])]

    def summed_pieces(
        self, summed: Sequence[Tensor], normal: Float[Tensor, "samples 3"]
    ) -> list[list[Tensor]]:
        """All that sums of semantics read, piece by piece; ``summed`` is that of every piece in turn."""
        if self.folded.semantic is not None:
            return [[activation] for activation in summed]
        pieces, of_all = self.pieces(), iter(summed)
        each = len(summed) // len(pieces)
        result = []
        for piece in pieces:
            part, of_piece = self.part(piece), [next(of_all) for _ in range(each)]
            # Blocks without columns are left out: embedding_bag has no sums of nothing in float32.
            coordinate = [part.coordinate] if self.folded.coordinates else []
            features = [] if self.appearance_channels else [part.feature]
            result.append([*coordinate, *features, *of_piece, normal[piece.samples]])
        return result

    def carriers(self) -> list[Tensor]:
        """Zeros through which gradients of sums come back (see ``deferred``)."""
        like, rays = self.placement.feature, self.rays.count
        if not self.semantic_channels:
            return []
        return [like.new_zeros(len(like)), like.new_zeros(rays, self.semantic_channels)]

    def seeds(self, grads: tuple[Tensor | None, ...]) -> "Seeds":
        """Autograd's gradients of the outputs by name."""
        semantic = None
        if self.semantic_channels and grads[-1] is not None and grads[-2] is not None:
            semantic = grads[-2], self._by_block(grads[-1])
        color = grads[2] if self.folded.color is not None else None
        return Seeds(sdf=grads[0], normal=grads[1], color=color, semantic=semantic)

    def _by_block(self, by_ray: Float[Tensor, "rays width"]) -> list[Tensor]:
        """Gradients of the summed ``f``, ``a`` and ``n`` (or of the head's last activations)."""
        if self.folded.semantic is not None:
            return [by_ray]
        coordinates = self.folded.coordinates
        channels = self.appearance_channels or self.placement.feature.shape[1]
        width = [self.semantic_channels - coordinates - channels - 3] if self.folded.activation_block else []
        _, *blocks = by_ray.split([coordinates, channels, *width, 3], dim=1)
        return [block.contiguous() for block in blocks]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeds:
    """Gradients of all samples' results, None for 0; of semantics the weights, and the rows of the rays by block."""

    sdf: Float[Tensor, " samples"] | None
    normal: Float[Tensor, "samples 3"] | None
    color: Float[Tensor, "samples 3"] | None
    semantic: tuple[Float[Tensor, " samples"], list[Tensor]] | None

    def of(self, samples: slice, plan: EvaluationPlan) -> ChunkSeeds:
        """Those of some samples."""
        like, semantic = plan.placement.feature[samples], None
        if self.semantic is not None:
            # What was summed has the gradient w_j times its ray's row.
            weights, rows = self.semantic
            ray = plan.rays.index[samples, None]
            semantic = [gather(row, ray, weights[samples, None]) for row in rows]
        return ChunkSeeds(
            sdf=like.new_zeros(like.shape[0]) if self.sdf is None else self.sdf[samples],
            normal=like.new_zeros(like.shape[0], 3) if self.normal is None else self.normal[samples],
            color=None if self.color is None else self.color[samples],
            semantic=semantic,
        )
