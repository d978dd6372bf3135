"""The model of semantic segmentation: an encoder and a head."""

from typing import cast

import torch
from jaxtyping import Float
from ponder_data import Batch, Scenes
from ponder_encoders import SparseUNet
from ponder_render import Losses
from torch import Tensor, nn

from ponder_tasks.bridges import encoder_points
from ponder_tasks.language import LanguageHead, Vocabulary, build_vocabulary
from ponder_tasks.recipe import SegmentRecipe
from ponder_tasks.segment.losses import segmentation_losses


class SegmentationModel(nn.Module):
    """Per-point class scores from an encoder's features.

    The head is linear, or compares with the text embeddings of class names (``recipe.language``), among those classes
    that a scene's dataset labels. With a frozen encoder only the head learns (a probe). Its features are then
    normalised per channel without learned scale, as usual for probes, so that encoders with features of different size
    compare fairly.

    Args:
        recipe: the sizes, the head and the losses.
        classes: how many there are.
        vocabulary: their text embeddings, for a head that compares with them.
    """

    def __init__(self, recipe: SegmentRecipe, classes: int, vocabulary: Vocabulary | None = None) -> None:
        super().__init__()
        self.encoder = SparseUNet(recipe.encoder)
        self.frozen = recipe.freeze_encoder
        channels = self.encoder.out_channels
        self.norm = nn.BatchNorm1d(channels, affine=False) if self.frozen else nn.Identity()
        self.head = (
            LanguageHead(channels, recipe.language) if recipe.language else nn.Linear(channels, classes)
        )
        self.vocabulary = vocabulary
        self.loss_config = recipe.losses
        if self.frozen:
            self.encoder.requires_grad_(False)

    def train(self, mode: bool = True) -> "SegmentationModel":
        """Set the mode; a frozen encoder stays in evaluation mode, statistics included."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def forward(self, batch: Batch, generator: torch.Generator | None, progress: float = 1.0) -> Losses:
        """Return the segmentation losses of the batch's labelled points."""
        return segmentation_losses(self.logits(batch), batch.semantic, self.loss_config)

    def logits(self, batch: Batch) -> Float[Tensor, "points classes"]:
        """Return the class scores of every point of ``batch``, float32."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            features = cast(Tensor, self.encoder(encoder_points(batch), batch.conditions)).float()
        features = self.norm(features)
        if isinstance(self.head, LanguageHead):
            assert self.vocabulary is not None, "a head that compares with texts is made with a vocabulary"
            return self.head(features, batch.offsets, batch.conditions, self.vocabulary).float()
        return self.head(features).float()


def segmentation_model(recipe: SegmentRecipe, scenes: Scenes) -> SegmentationModel:
    """Return the model that tells the classes of ``scenes`` apart.

    Raises:
        ValueError: when they have none, or their names cannot be embedded as the recipe says.
    """
    vocabulary = build_vocabulary(scenes, recipe.language) if recipe.language else None
    return SegmentationModel(recipe, classes=len(scenes.class_names), vocabulary=vocabulary)
