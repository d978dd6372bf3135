"""How one scene's predicted and true instances overlap: all that average precision needs to know of the scene."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ponder_tasks.instances.point_instances import PointInstances


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneOverlaps:
    """The instances of one scene, as numbers of points.

    Attributes:
        truth_label, truth_points: class and number of points of each true instance, ordered by class and then by id.
        label, score, points: of each prediction.
        void: points of each prediction that belong to no true instance of any counted class.
        shared: points that a true instance and a prediction share; 0 where their classes differ.
    """

    truth_label: Int[np.ndarray, " truths"]
    truth_points: Int[np.ndarray, " truths"]
    label: Int[np.ndarray, " predictions"]
    score: Float[np.ndarray, " predictions"]
    points: Int[np.ndarray, " predictions"]
    void: Int[np.ndarray, " predictions"]
    shared: Int[np.ndarray, "truths predictions"]

    def iou(self) -> Float[np.ndarray, "truths predictions"]:
        """Return shared points over all points of a true instance and a prediction."""
        return self.shared / (self.truth_points[:, None] + self.points[None] - self.shared)


def scene_overlaps(
    predicted: PointInstances,
    semantic: Int[Tensor, " points"],
    instance: Int[Tensor, " points"],
    things: Bool[Tensor, " classes"],
) -> SceneOverlaps:
    """Return how ``predicted`` overlaps the true instances.

    A true instance is all points of one class and one instance id. Points without an id (-1), without a class (-1), or
    of a class that is not in ``things``, are void. Predictions of such a class, and empty ones, are left out.

    Raises:
        ValueError: when a prediction names a point that is not there or a score is not finite.
    """
    _check(predicted, len(semantic))
    kept = things[predicted.label] & (predicted.sizes() > 0)
    predicted = predicted.select(kept.nonzero().squeeze(1))
    counted = (semantic >= 0) & (instance >= 0)
    counted &= things[semantic.clamp(min=0)]
    pairs = torch.stack([semantic[counted], instance[counted]], dim=1)
    truths, of_counted, sizes = torch.unique(pairs, dim=0, return_inverse=True, return_counts=True)
    truth = torch.full_like(semantic, -1)
    truth[counted] = of_counted.to(truth.dtype)
    shared = predicted.shared_with(truth, len(truths)).T.numpy()
    truth_label, label = truths[:, 0].numpy(), predicted.label.numpy()
    return SceneOverlaps(
        truth_label=truth_label,
        truth_points=sizes.numpy(),
        label=label,
        score=predicted.score.double().numpy(),
        points=predicted.sizes().numpy(),
        void=predicted.sizes().numpy() - shared.sum(axis=0),
        shared=np.where(truth_label[:, None] == label[None], shared, 0),
    )


def _check(predicted: PointInstances, points: int) -> None:
    if len(predicted.point) and (int(predicted.point.min()) < 0 or int(predicted.point.max()) >= points):
        raise ValueError(
            f"predicted instances name points {int(predicted.point.min())} to {int(predicted.point.max())}, "
            f"but the scene has {points}; predict on the scene that is judged"
        )
    if not bool(torch.isfinite(predicted.score).all()):
        raise ValueError("predicted instances have scores that are not finite; they cannot be ranked")
