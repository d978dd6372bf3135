"""Semantics that are summed along rays before the head's last, linear layer (Eq. 9).

``sum_j w_j (A x_j + b) = A sum_j w_j x_j + b sum_j w_j``: exact, and the hundreds of channels of an embedding exist
once per ray instead of once per sample.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from ponder_render.evaluation.folding import JointLayer


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRays:
    """The ray of each flat sample, in any order, and how many rays there are."""

    index: Int[Tensor, " samples"]
    count: int

    def sums(
        self, weights: Float[Tensor, " samples"], values: Float[Tensor, "samples channels"]
    ) -> Float[Tensor, "rays channels"]:
        """``sum_j w_j value_j`` over the samples of each ray, in plain PyTorch."""
        result = values.new_zeros(self.count, values.shape[1])
        return result.index_add(0, self.index, weights[:, None] * values)

    def total(self, weights: Float[Tensor, " samples"]) -> Float[Tensor, " rays"]:
        """Sum of the weights of each ray."""
        return weights.new_zeros(self.count).index_add(0, self.index, weights)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainSemantics:
    """Semantics of each sample as they are."""

    values: Float[Tensor, "samples channels"]
    rays: SampleRays

    def composite(self, weights: Float[Tensor, " samples"]) -> Float[Tensor, "rays channels"]:
        """``sum_j w_j l_j``."""
        return self.rays.sums(weights, self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeferredSemantics:
    """What the head's last layer reads, and that layer.

    Attributes:
        pieces: for each piece of the samples in turn the layer's inputs, side by side: constants for autograd.
        output: the layer, over blocks that may join several of these.
        rays: of the samples.
        carriers: two tensors through which gradients of the sums reach the field (see ``_Sums``). Taken out by
            ``composite``, which therefore works once.
    """

    pieces: list[list[Tensor]]
    output: JointLayer
    rays: SampleRays
    carriers: list[tuple[Tensor, Tensor]]

    def composite(self, weights: Float[Tensor, " samples"]) -> Float[Tensor, "rays channels"]:
        """``sum_j w_j l_j``. Can be had once from one evaluation.

        Raises:
            ValueError: when called again.
        """
        if not self.carriers:
            raise ValueError(
                "the semantics of an evaluation can be composited once; evaluate the field again"
            )
        by_sample, by_ray = self.carriers.pop()
        sums = _Sums.apply(self, weights, by_sample, by_ray)
        assert isinstance(sums, Tensor)
        weight = torch.cat(self.output.weights, dim=1)
        return F.linear(sums, weight) + self.rays.total(weights)[:, None] * self.output.bias

    def parts(self, weights: Float[Tensor, " samples"]) -> Iterator[tuple[list[Tensor], Tensor, Tensor]]:
        """The blocks, rays and weights of each piece."""
        sizes = [blocks[0].shape[0] for blocks in self.pieces]
        return zip(self.pieces, self.rays.index.split(sizes), weights.split(sizes), strict=True)


SemanticSamples = DeferredSemantics | PlainSemantics
"""Semantics at samples, of which sums along rays can be had."""


class _Sums(torch.autograd.Function):
    """``sum_j w_j [block_1, block_2, ...]_j`` for each ray.

    The gradient of the blocks at a sample is ``w_j G`` with the gradient ``G`` of its ray's sum: one row per ray
    says it all, and it is never written out for all samples. Autograd cannot carry such a product, so its two factors
    travel to the field's backward pass as the "gradients" of two tensors of zeros that the field's evaluation
    returned, ``(samples,)`` and ``(rays, width)``.
    """

    @staticmethod
    def forward(
        ctx, semantics: DeferredSemantics, weights: Tensor, by_sample: Tensor, by_ray: Tensor
    ) -> Tensor:
        ctx.semantics = semantics
        ctx.save_for_backward(weights)
        total = torch.zeros_like(by_ray)
        for blocks, ray, of_piece in semantics.parts(weights):
            total += _sum_by_ray(blocks, ray, of_piece, semantics.rays.count)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx, *grads: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        semantics: DeferredSemantics = ctx.semantics
        (weights,) = ctx.saved_tensors
        widths = [block.shape[1] for block in semantics.pieces[0]]
        columns = [column.contiguous() for column in grads[0].split(widths, dim=1)]
        found = []
        for blocks, ray, _ in semantics.parts(weights):
            rows = [column.index_select(0, ray) for column in columns]
            products = [row.mul_(block).sum(dim=1) for row, block in zip(rows, blocks, strict=True)]
            found.append(torch.stack(products).sum(dim=0))
        return None, torch.cat(found), weights, grads[0]


def _sum_by_ray(
    blocks: list[Tensor], ray: Int[Tensor, " samples"], weights: Float[Tensor, " samples"], rays: int
) -> Float[Tensor, "{rays} width"]:
    in_turn, order = torch.sort(ray.int(), stable=True)
    first = torch.searchsorted(in_turn, torch.arange(rays, device=order.device, dtype=in_turn.dtype))
    in_order = weights.index_select(0, order)
    sums = [F.embedding_bag(order, block, first, per_sample_weights=in_order, mode="sum") for block in blocks]
    return torch.cat(sums, dim=1)
