"""Measuring a segmentation model: every point of every validation scene is predicted, at one look or by voting."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Int
from ponder_data import Scene, Scenes
from torch import Tensor

from ponder_tasks.metrics.segmentation import ConfusionMatrix, SegmentationMetrics
from ponder_tasks.segment.model import SegmentationModel
from ponder_tasks.segment.voting import VotingConfig, vote
from ponder_tasks.whole_scene import whole_scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmented:
    """A scene and the class predicted for each of its points."""

    scene: Scene
    prediction: Int[Tensor, " points"]


@torch.no_grad()
def segment_scene(
    model: SegmentationModel, scene: Scene, grid_size: float, voting: VotingConfig | None = None
) -> Segmented:
    """Predict the class of every point of ``scene``.

    Without ``voting``, the scene is looked at once and points of one grid cell share their prediction.

    Raises:
        ValueError: when the scene has fewer than two points or values that are not finite.
    """
    whole = whole_scene(scene, grid_size)
    if voting is not None:
        return Segmented(scene=whole.scene, prediction=vote(model, scene, grid_size, voting).argmax(dim=1))
    device = next(model.parameters()).device
    prediction = model.logits(whole.batch.to(device)).argmax(dim=1).cpu()
    return Segmented(scene=whole.scene, prediction=prediction[whole.inverse])


def segment_scenes(
    model: SegmentationModel, scenes: Scenes, grid_size: float, voting: VotingConfig | None = None
) -> Iterator[Segmented]:
    """Predict all ``scenes``, one after the other."""
    for index in range(len(scenes)):
        yield segment_scene(model, scenes[index], grid_size, voting)


def measure_segmentation(model: SegmentationModel, scenes: Scenes, grid_size: float) -> SegmentationMetrics:
    """Return mIoU, mAcc, allAcc over all labelled points of ``scenes``, each looked at once.

    Raises:
        ValueError: when no point is labelled.
    """
    matrix = ConfusionMatrix(scenes.class_names)
    for segmented in segment_scenes(model, scenes, grid_size):
        if segmented.scene.semantic is not None:
            matrix.add(segmented.prediction, segmented.scene.semantic)
    return matrix.metrics()
