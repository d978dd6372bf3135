"""The model of pre-training: an encoder and the renderer that teaches it."""

from typing import cast

import torch
from jaxtyping import Float, Int
from ponder_data import Batch
from ponder_encoders import SparseUNet
from ponder_render import (
    FeatureVolume,
    Losses,
    LossTerm,
    RayTargets,
    Rendered,
    VolumeRenderer,
    rendering_losses,
)
from ponder_render.losses import explainable
from torch import Tensor, nn

from ponder_tasks.bridges import encoder_points, ray_bundle, ray_targets
from ponder_tasks.language import LanguageHead, Vocabulary
from ponder_tasks.pretrain.released_code import conditions_of, contrast_of_rays, semantic_labels
from ponder_tasks.recipe import PretrainRecipe
from ponder_tasks.segment.losses import cross_entropy


class PretrainModel(nn.Module):
    """Encoder and renderer; ``forward`` gives the losses of a batch.

    The encoder is what is kept; the renderer is thrown away after pre-training.

    Args:
        recipe: the sizes, and which labels are used.
        vocabulary: the classes, where labels are used; only learning and reading classes need it, rendering does not.
    """

    def __init__(self, recipe: PretrainRecipe, vocabulary: Vocabulary | None = None) -> None:
        super().__init__()
        self.encoder = SparseUNet(recipe.encoder)
        self.renderer = VolumeRenderer(recipe.renderer, in_channels=self.encoder.out_channels)
        self.loss_config = recipe.losses
        self.released_code = recipe.released_code
        self.point_weight = recipe.labels.points if recipe.labels else 0.0
        self.language_head = (
            LanguageHead(self.encoder.out_channels, recipe.labels.language)
            if recipe.labels and recipe.labels.points > 0
            else None
        )
        self.vocabulary = vocabulary

    def forward(self, batch: Batch, generator: torch.Generator | None, progress: float = 1.0) -> Losses:
        """Return the losses of rendering ``batch.rays`` (Eq. 2-9) from the batch's points, and of their labels."""
        assert batch.rays is not None, "a pre-training batch carries rays"
        features, volume = self.encode(batch)
        rendered = self.renderer(
            volume,
            ray_bundle(batch.rays),
            generator=generator,
            sensed_distance=batch.rays.distance,
            progress=progress,
        )
        losses = self._rendering_losses(rendered, ray_targets(batch.rays))
        return Losses(terms=(*losses.terms, *self._point_terms(features, batch)))

    def encode(self, batch: Batch) -> tuple[Float[Tensor, "points channels"], FeatureVolume]:
        """Return per-point features (Eq. 2) and the feature volume (Eq. 3)."""
        conditions = conditions_of(batch, self.released_code)
        features = cast(Tensor, self.encoder(encoder_points(batch), conditions)).float()
        volume = self.renderer.build_volume(features, batch.coord, batch.offsets, batch.lower, batch.upper)
        return features, volume

    def class_of(self, semantic: Float[Tensor, "rays channels"]) -> Int[Tensor, " rays"]:
        """Return the class of rendered semantics: the nearest text embedding, or the highest output."""
        table = self._class_table(semantic)
        return (semantic if table is None else semantic @ table.t()).argmax(dim=1)

    def _rendering_losses(self, rendered: Rendered, targets: RayTargets) -> Losses:
        config, quirks = self.loss_config, self.released_code
        targets = RayTargets(
            color=targets.color, distance=targets.distance, semantic=semantic_labels(targets.semantic, quirks)
        )
        table = None if rendered.semantic is None else self._class_table(rendered.semantic)
        if rendered.semantic is None or table is None or not quirks.rays_as_negatives:
            return rendering_losses(rendered, targets, config, table)
        losses = rendering_losses(rendered, targets, config.model_copy(update={"semantic": 0.0}), table)
        label = targets.semantic.masked_fill(~explainable(rendered, targets), -1)
        contrast = contrast_of_rays(rendered.semantic, label, table, config.temperature)
        return Losses(
            terms=(*losses.terms, LossTerm(name="semantic", value=contrast, weight=config.semantic))
        )

    def _point_terms(self, features: Float[Tensor, "points channels"], batch: Batch) -> tuple[LossTerm, ...]:
        if self.language_head is None:
            return ()
        assert self.vocabulary is not None, "whoever trains on labels brings the vocabulary"
        scores = self.language_head(features, batch.offsets, batch.conditions, self.vocabulary)
        value = cross_entropy(scores, batch.semantic)
        if self.released_code.language_loss_untrained:
            return (LossTerm(name="language", value=value.detach(), weight=self.point_weight),)
        return (LossTerm(name="language", value=value, weight=self.point_weight),)

    def _class_table(self, like: Tensor) -> Float[Tensor, "classes channels"] | None:
        if self.loss_config.semantic_form == "classes" or self.vocabulary is None:
            return None
        return self.vocabulary.table.embeddings.to(like)
