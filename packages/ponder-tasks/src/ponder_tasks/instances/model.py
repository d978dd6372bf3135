"""The model of instance segmentation: an encoder, heads for classes and offsets, and a scorer of proposals."""

from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float
from ponder_data import Batch
from ponder_encoders import SparseUNet
from ponder_render import Losses, LossTerm
from torch import Tensor, nn

from ponder_tasks.bridges import encoder_points
from ponder_tasks.instances.losses import direction_loss, offset_loss, score_loss
from ponder_tasks.instances.point_instances import PointInstances
from ponder_tasks.instances.proposals import PointPredictions, proposal_overlaps, propose
from ponder_tasks.instances.scorer import ProposalScorer
from ponder_tasks.instances.targets import InstanceTargets, instance_targets
from ponder_tasks.instances.things import thing_classes
from ponder_tasks.recipe import InstanceRecipe
from ponder_tasks.segment.losses import segmentation_losses


@dataclass(frozen=True, slots=True, kw_only=True)
class PointOutputs:
    """What the heads say of every point: features, class scores, and the way to its instance's centre (m)."""

    features: Float[Tensor, "points channels"]
    logits: Float[Tensor, "points classes"]
    to_center: Float[Tensor, "points 3"]


class InstanceModel(nn.Module):
    """PointGroup on an encoder: classes and offsets of points, clusters of both sets of coordinates, their scores.

    With a frozen encoder only the heads and the scorer learn, from features normalised per channel, as in
    :class:`~ponder_tasks.segment.model.SegmentationModel`.

    Raises:
        ValueError: when the recipe's ``stuff`` does not fit the classes.
    """

    def __init__(self, recipe: InstanceRecipe, class_names: tuple[str, ...]) -> None:
        super().__init__()
        self.encoder = SparseUNet(recipe.encoder)
        channels = self.encoder.out_channels
        self.frozen = recipe.freeze_encoder
        self.norm = nn.BatchNorm1d(channels, affine=False) if self.frozen else nn.Identity()
        self.semantic_head = nn.Linear(channels, len(class_names))
        self.offset_head = nn.Sequential(
            nn.Linear(channels, channels), nn.BatchNorm1d(channels), nn.ReLU(), nn.Linear(channels, 3)
        )
        self.scorer = ProposalScorer(channels, recipe.scorer, recipe.encoder)
        self.things: Bool[Tensor, " classes"]
        self.register_buffer("things", thing_classes(class_names, recipe.stuff), persistent=False)
        self.loss_config = recipe.losses
        self.grouping = recipe.grouping
        if self.frozen:
            self.encoder.requires_grad_(False)

    def train(self, mode: bool = True) -> "InstanceModel":
        """Set the mode; a frozen encoder stays in evaluation mode, statistics included."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def forward(self, batch: Batch, generator: torch.Generator | None, progress: float = 1.0) -> Losses:
        """Return the losses of the batch; that of the scores is 0 until ``progress`` reaches ``grouping.start``."""
        outputs = self.point_outputs(batch)
        targets = instance_targets(batch, self.things)
        config = self.loss_config
        scored = progress >= self.grouping.start
        scores = self._score_loss(batch, outputs, targets) if scored else self.scorer.idle()
        return Losses(
            terms=(
                *segmentation_losses(outputs.logits, batch.semantic, config.semantic).terms,
                LossTerm(name="offset", value=offset_loss(outputs.to_center, targets), weight=config.offset),
                LossTerm(
                    name="direction",
                    value=direction_loss(outputs.to_center, targets),
                    weight=config.direction,
                ),
                LossTerm(name="score", value=scores, weight=config.score),
            )
        )

    def point_outputs(self, batch: Batch) -> PointOutputs:
        """Return what the heads say of every point of ``batch``, float32."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            features = cast(Tensor, self.encoder(encoder_points(batch), batch.datasets)).float()
        features = self.norm(features)
        return PointOutputs(
            features=features,
            logits=self.semantic_head(features).float(),
            to_center=self.offset_head(features).float(),
        )

    def proposals(self, batch: Batch, outputs: PointOutputs) -> PointInstances:
        """Return the clusters of every scene of ``batch``, not yet scored, on the CPU."""
        points = PointPredictions(
            coord=batch.coord,
            to_center=outputs.to_center,
            label=outputs.logits.argmax(dim=1),
            offsets=batch.offsets,
        )
        return propose(points, self.things, self.grouping)

    def _score_loss(self, batch: Batch, outputs: PointOutputs, targets: InstanceTargets) -> Float[Tensor, ""]:
        proposals = self.proposals(batch, outputs)
        if len(proposals) == 0:
            return self.scorer.idle()
        overlap = proposal_overlaps(proposals, targets.instance, targets.sizes)
        logits = self.scorer(outputs.features, batch.coord, proposals).float()
        return score_loss(logits, overlap.to(logits.device), self.loss_config)
