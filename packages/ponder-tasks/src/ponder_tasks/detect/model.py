"""The model of detection: an encoder, among whose points a VoteNet chooses its seeds."""

from dataclasses import replace
from typing import cast

import torch
from jaxtyping import Float, Int
from ponder_data import Batch
from ponder_encoders import PointNet2, SparseUNet
from ponder_encoders.point_batch import scene_lengths
from ponder_encoders.set_abstraction import PointLevel
from ponder_render import Losses
from torch import Tensor, nn

from ponder_tasks.bridges import encoder_points
from ponder_tasks.detect.decoding import ClassifiedBoxes, believed_boxes
from ponder_tasks.detect.losses import detection_losses
from ponder_tasks.detect.targets import proposal_targets, vote_targets
from ponder_tasks.detect.true_boxes import detector_classes, true_boxes
from ponder_tasks.detect.votenet import Proposals, VoteNet
from ponder_tasks.recipe import DetectRecipe


class DetectionModel(nn.Module):
    """Boxes of a scene from an encoder's features.

    The encoder is a SparseUNet, which describes every point, or a PointNet++, which describes those it chooses itself.

    Args:
        recipe: the sizes and the classes to detect.
        class_names: all classes of the data.

    Raises:
        ValueError: when a class to detect is none of the data's.
    """

    class_of_label: Int[Tensor, " labels"]
    mean_sizes: Float[Tensor, "classes 3"]

    def __init__(self, recipe: DetectRecipe, class_names: tuple[str, ...]) -> None:
        super().__init__()
        self.recipe = recipe
        self.classes = recipe.classes or class_names
        if recipe.points is None:
            self.encoder: SparseUNet | PointNet2 = SparseUNet(recipe.encoder)
        else:
            self.encoder = PointNet2(recipe.points)
        self.votenet = VoteNet(self.encoder.out_channels, len(self.classes), recipe.votenet)
        self.register_buffer("class_of_label", detector_classes(class_names, self.classes))
        self.register_buffer("mean_sizes", torch.ones(len(self.classes), 3))
        if recipe.freeze_encoder:
            self.encoder.requires_grad_(False)

    def train(self, mode: bool = True) -> "DetectionModel":
        """Set the mode; a frozen encoder stays in evaluation mode, statistics included."""
        super().train(mode)
        if self.recipe.freeze_encoder:
            self.encoder.eval()
        return self

    def forward(self, batch: Batch, generator: torch.Generator | None, progress: float = 1.0) -> Losses:
        """Return the losses of VoteNet on the boxes of ``batch``.

        Raises:
            ValueError: when a scene of the batch does not know its boxes.
        """
        truth = true_boxes(batch, self.class_of_label)
        points = self.points(batch)
        proposals = self.propose(points)
        return detection_losses(
            proposals,
            truth,
            vote_targets(proposals.seeds, batch, truth),
            proposal_targets(proposals, truth),
            headings=self.recipe.votenet.headings(),
            mean_sizes=self.mean_sizes,
            config=self.recipe.losses,
            points=None if proposals.point_score is None else vote_targets(points, batch, truth),
        )

    def detect(self, batch: Batch) -> ClassifiedBoxes:
        """Return the boxes believed in the only scene of ``batch``, in the frame of its points."""
        proposals = self.propose(self.points(batch))
        return believed_boxes(
            proposals,
            batch.coord,
            headings=self.recipe.votenet.headings(),
            mean_sizes=self.mean_sizes,
            config=self.recipe.decoding,
        )

    def propose(self, points: PointLevel) -> Proposals:
        """Return what the votes among ``points`` propose; always float32, for positions are metres."""
        with torch.autocast(points.positions.device.type, enabled=False):
            return self.votenet(points)

    def points(self, batch: Batch) -> PointLevel:
        """Return the points of each scene that may vote, with the encoder's features, float32."""
        lengths = scene_lengths(batch.offsets, batch.coord.shape[0])
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.recipe.freeze_encoder):
            if isinstance(self.encoder, PointNet2):
                level = self.encoder.encode(batch.coord, point_network_features(batch), lengths)
                return replace(level, features=level.features.float())
            features = cast(Tensor, self.encoder(encoder_points(batch), batch.datasets)).float()
        index = torch.arange(features.shape[0], device=features.device)
        return PointLevel(positions=batch.coord, features=features, lengths=lengths, index=index)


def point_network_features(batch: Batch) -> Float[Tensor, "points channels"]:
    """Return what a PointNet++ reads of each point beside its position: height (m), colour and normal.

    Its layers see positions only relative to each other, and how high something stands says much of what it is.
    """
    return torch.cat((batch.coord[:, 2:], batch.features), dim=1)
