"""The model of outdoor pre-training: a volume source and the renderer that teaches it."""

import torch
from jaxtyping import Bool, Float
from ponder_data import Rays
from ponder_render import (
    FeatureVolume,
    Losses,
    LossTerm,
    RayTargets,
    Rendered,
    VolumeRenderer,
    rendering_losses,
)
from torch import Tensor, nn

from ponder_tasks.bridges import ray_bundle, ray_targets
from ponder_tasks.outdoor.batch import StreetBatch
from ponder_tasks.outdoor.recipe import StreetsPretrainRecipe
from ponder_tasks.outdoor.sources import build_source
from ponder_tasks.outdoor.volume_source import CellFeatures


class StreetsPretrainModel(nn.Module):
    """Source and renderer; ``forward`` gives the losses of a batch. Only the source's encoders are kept afterwards."""

    def __init__(self, recipe: StreetsPretrainRecipe) -> None:
        super().__init__()
        self.source = build_source(recipe, recipe.renderer.volume_shape)
        self.renderer = VolumeRenderer(recipe.renderer, in_channels=self.source.out_channels)
        self.box = recipe.box
        self.loss_config = recipe.losses
        self.open_space = recipe.open_space

    @property
    def encoder(self) -> nn.Module:
        """What learns at ``optimizer.encoder_factor`` times the rates of the renderer."""
        return self.source

    def forward(self, batch: StreetBatch, generator: torch.Generator | None, progress: float = 1.0) -> Losses:
        """Return the losses of rendering the batch's rays (Eq. 2-8), of open space, and the source's own."""
        rays, is_open = batch.rays, batch.open
        assert rays is not None, "a pre-training batch carries rays"
        assert is_open is not None, "whoever draws rays says which are open"
        cells = self.source(batch, generator)
        rendered = self.renderer(
            self._volume(cells),
            ray_bundle(rays),
            generator=generator,
            sensed_distance=rays.distance,
            progress=progress,
        )
        losses = rendering_losses(rendered, self._targets(rays, is_open), self.loss_config)
        if self.open_space == 0:
            return Losses(terms=(*losses.terms, *cells.terms))
        term = LossTerm(name="open_space", value=open_space_loss(rendered, is_open), weight=self.open_space)
        return Losses(terms=(*losses.terms, term, *cells.terms))

    def encode(self, batch: StreetBatch) -> FeatureVolume:
        """Return the feature volume (Eq. 3)."""
        return self._volume(self.source(batch))

    def _volume(self, cells: CellFeatures) -> FeatureVolume:
        bounds = self.box.bounds(len(cells.features), next(self.renderer.parameters()))
        return self.renderer.build_volume_from_cells(cells.features, cells.count, bounds)

    def _targets(self, rays: Rays, is_open: Bool[Tensor, " rays"]) -> RayTargets:
        """What was measured; the colour of open rays is not the volume's to explain, so it is the background's."""
        targets = ray_targets(rays)
        background = self.renderer.config.background or (0.0, 0.0, 0.0)
        behind = torch.tensor(background, dtype=rays.color.dtype, device=rays.color.device)
        color = torch.where(is_open[:, None], behind, targets.color)
        return RayTargets(color=color, distance=targets.distance, semantic=targets.semantic)


def open_space_loss(rendered: Rendered, is_open: Bool[Tensor, " rays"]) -> Float[Tensor, ""]:
    """Return the mean opacity of rays that cross the box without meeting anything; 0 where there are none."""
    counted = is_open & rendered.samples.valid
    opacity = torch.where(counted, rendered.opacity, torch.zeros_like(rendered.opacity))
    return opacity.sum() / counted.sum().clamp(min=1)
