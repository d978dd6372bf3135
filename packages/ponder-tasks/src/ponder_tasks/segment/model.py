"""The model of semantic segmentation: an encoder and a linear head."""

from typing import cast

import torch
from jaxtyping import Float
from ponder_data import Batch
from ponder_encoders import SparseUNet
from ponder_render import Losses
from torch import Tensor, nn

from ponder_tasks.bridges import encoder_points
from ponder_tasks.recipe import SegmentRecipe
from ponder_tasks.segment.losses import segmentation_losses


class SegmentationModel(nn.Module):
    """Per-point class scores from an encoder's features.

    With a frozen encoder only the head learns (a linear probe). Its features are then normalised per channel without
    learned scale, as usual for probes, so that encoders with features of different size compare fairly.
    """

    def __init__(self, recipe: SegmentRecipe, classes: int) -> None:
        super().__init__()
        self.encoder = SparseUNet(recipe.encoder)
        self.frozen = recipe.freeze_encoder
        self.norm = nn.BatchNorm1d(self.encoder.out_channels, affine=False) if self.frozen else nn.Identity()
        self.head = nn.Linear(self.encoder.out_channels, classes)
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
        return self.head(self.norm(features)).float()
