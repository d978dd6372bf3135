"""Spatial cross-attention (BEVFormer; Li et al. 2022): pillars look into the cameras that see them."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ponder_encoders.image.deformable import DeformablePlaces, sample_deformable
from ponder_encoders.image.depth_net import pointwise
from ponder_encoders.image.pillar_views import PillarViews
from ponder_encoders.image.pooling import pool_rows
from ponder_encoders.shared_mlp import linear


class SpatialCrossAttention(nn.Module):
    """Deformable attention of pillars in every camera that sees them, averaged over these cameras.

    Memory is bounded: for each camera only the pillars that it sees are worked on, ``queries_per_chunk`` at a time, and
    with ``recompute`` training holds no samples but takes them again in the backward pass.

    Args:
        inputs: channels of the features.
        channels: of the queries.
        heads, heights, points: see :class:`DeformablePlaces`.
        queries_per_chunk: pillars worked on at a time.
        recompute: whether training samples again instead of holding samples.
        generator: source of the initial weights.
    """

    def __init__(
        self,
        inputs: int,
        channels: int,
        *,
        heads: int,
        heights: int,
        points: int,
        queries_per_chunk: int,
        recompute: bool,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.heads, self.queries_per_chunk, self.recompute = heads, queries_per_chunk, recompute
        self.value = pointwise(inputs, channels, generator)
        self.places = DeformablePlaces(channels, heads=heads, heights=heights, points=points)
        self.output = linear(channels, channels, bias=True, generator=generator)

    def forward(
        self,
        query: Float[Tensor, "batch pillars channels"],
        features: Float[Tensor, "batch cameras inputs rows columns"],
        views: PillarViews,
    ) -> Float[Tensor, "batch pillars channels"]:
        """What each pillar sees; for a pillar that no camera sees, the output layer's bias."""
        value = self.value(features.flatten(0, 1)).to(views.share.dtype)
        value = value.unflatten(0, features.shape[:2]).unflatten(2, (self.heads, -1))
        parts = []
        for hit in views.hits:
            of_camera = value[hit.scene, hit.camera]
            chunks = zip(
                *(part.split(self.queries_per_chunk) for part in (hit.pillar, hit.location, hit.seen)),
                strict=True,
            )
            # A camera that sees nothing is one empty chunk, so that every parameter has a gradient always.
            parts += [self._chunk(query[hit.scene], of_camera, *chunk) for chunk in chunks]
        pooled = pool_rows(torch.cat(parts), views.share, views.average)
        return self.output(pooled.to(query.dtype)).unflatten(0, query.shape[:2])

    def _chunk(self, *arguments: Tensor) -> Tensor:
        if self.recompute and torch.is_grad_enabled():
            return checkpoint(self._attend, *arguments, use_reentrant=False)  # type: ignore[no-any-return]
        return self._attend(*arguments)

    def _attend(self, query: Tensor, value: Tensor, pillar: Tensor, location: Tensor, seen: Tensor) -> Tensor:
        location, weight = self.places(query.index_select(0, pillar), location, seen)
        # Autocast would sample in half precision, in which a location has no more than a cell's resolution.
        with torch.autocast(value.device.type, enabled=False):
            return sample_deformable(value, location, weight)
