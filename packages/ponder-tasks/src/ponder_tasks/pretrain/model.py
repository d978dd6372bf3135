"""The model of pre-training: an encoder and the renderer that teaches it."""

from typing import cast

import torch
from jaxtyping import Float
from ponder_data import Batch
from ponder_encoders import SparseUNet
from ponder_render import FeatureVolume, Losses, VolumeRenderer, rendering_losses
from torch import Tensor, nn

from ponder_tasks.bridges import encoder_points, ray_bundle, ray_targets
from ponder_tasks.recipe import PretrainRecipe


class PretrainModel(nn.Module):
    """Encoder and renderer; ``forward`` gives the losses of a batch.

    The encoder is what is kept; the renderer is thrown away after pre-training.
    """

    def __init__(self, recipe: PretrainRecipe) -> None:
        super().__init__()
        self.encoder = SparseUNet(recipe.encoder)
        self.renderer = VolumeRenderer(recipe.renderer, in_channels=self.encoder.out_channels)
        self.loss_config = recipe.losses

    def forward(self, batch: Batch, generator: torch.Generator | None, progress: float = 1.0) -> Losses:
        """Return the losses of rendering ``batch.rays`` (Eq. 2-9) from the batch's points."""
        assert batch.rays is not None, "a pre-training batch carries rays"
        _, volume = self.encode(batch)
        rendered = self.renderer(
            volume,
            ray_bundle(batch.rays),
            generator=generator,
            sensed_distance=batch.rays.distance,
            progress=progress,
        )
        return rendering_losses(rendered, ray_targets(batch.rays), self.loss_config)

    def encode(self, batch: Batch) -> tuple[Float[Tensor, "points channels"], FeatureVolume]:
        """Return per-point features (Eq. 2) and the feature volume (Eq. 3)."""
        features = cast(Tensor, self.encoder(encoder_points(batch), batch.conditions)).float()
        volume = self.renderer.build_volume(features, batch.coord, batch.offsets, batch.lower, batch.upper)
        return features, volume
