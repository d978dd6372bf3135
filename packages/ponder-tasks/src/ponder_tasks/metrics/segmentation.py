"""Segmentation figures from one confusion matrix: IoU and accuracy per class, their means, overall accuracy.

Which classes count is decided by the data and not by the predictor's wishes:

- the IoU of a class is ``true positives / (truth + predicted - true positives)``. A class that occurs neither
  in the truth nor in the predictions has none (NaN) and is left out of the mean; one that is only predicted
  has IoU 0 and counts;
- the accuracy of a class is ``true positives / truth``. A class that does not occur in the truth has none
  (NaN) and is left out;
- where no point at all is labelled there is nothing to measure, and asking is a ``ValueError``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int
from ponder_data.scene import IGNORE_LABEL
from torch import Tensor

from ponder_tasks.listener import Measurement
from ponder_tasks.metrics.class_figures import ClassFigure, ClassFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationMetrics:
    """How well points were told apart. All figures are fractions in [0, 1]; ``measurements`` gives percent.

    Attributes:
        miou: mean IoU over the classes that occur in the truth or in the predictions.
        macc: mean accuracy over the classes that occur in the truth.
        allacc: fraction of all labelled points that are right.
        iou_per_class, accuracy_per_class: NaN where undefined (see above).
        class_names: one per class.
        counts: labelled points of each class in the truth.
    """

    miou: float
    macc: float
    allacc: float
    iou_per_class: tuple[float, ...]
    accuracy_per_class: tuple[float, ...]
    class_names: tuple[str, ...]
    counts: tuple[int, ...]

    def measurements(self) -> tuple[Measurement, ...]:
        """Return the three means, in percent."""
        return (
            Measurement(name="miou", value=100.0 * self.miou, unit="%"),
            Measurement(name="macc", value=100.0 * self.macc, unit="%"),
            Measurement(name="allacc", value=100.0 * self.allacc, unit="%"),
        )

    def as_json(self) -> dict[str, Any]:
        """Return what ``json.dumps`` takes: fractions, and null where a class has no figure."""
        return {
            "miou": self.miou,
            "macc": self.macc,
            "allacc": self.allacc,
            "classes": self.per_class().as_json(),
        }

    def per_class(self) -> ClassFigures:
        """Return IoU and accuracy of each class."""
        return ClassFigures(
            class_names=self.class_names,
            counted="points",
            counts=self.counts,
            figures=(
                ClassFigure(name="iou", label="IoU", values=self.iou_per_class),
                ClassFigure(name="accuracy", label="accuracy", values=self.accuracy_per_class),
            ),
        )


class ConfusionMatrix:
    """Counts pairs (true class, predicted class) of points over many batches, on the CPU, as integers."""

    def __init__(self, class_names: Sequence[str]) -> None:
        if len(class_names) < 2:
            raise ValueError(
                f"segmentation needs at least 2 classes, got {len(class_names)}: {list(class_names)}"
            )
        self.class_names = tuple(class_names)
        self._counts = torch.zeros(len(self.class_names), len(self.class_names), dtype=torch.int64)

    def add(self, prediction: Int[Tensor, " points"], target: Int[Tensor, " points"]) -> None:
        """Add points: their predicted classes, and their true ones (-1 where unknown, which are left out).

        Raises:
            ValueError: when a prediction is no class, or a target is neither a class nor -1.
        """
        self._check("predictions", prediction, lowest=0)
        self._check("targets", target, lowest=IGNORE_LABEL)
        predicted, true = prediction.detach().cpu().long(), target.detach().cpu().long()
        labelled = true != IGNORE_LABEL
        classes = len(self.class_names)
        cell = true[labelled] * classes + predicted[labelled]
        self._counts += torch.bincount(cell, minlength=classes**2).view(classes, classes)

    def include(self, other: "ConfusionMatrix") -> None:
        """Add all that ``other`` has counted.

        Raises:
            ValueError: when it has other classes.
        """
        if other.class_names != self.class_names:
            raise ValueError(
                f"figures of the classes {', '.join(other.class_names)} cannot be added to those of "
                f"{', '.join(self.class_names)}"
            )
        self._counts += other.counts()

    def counts(self) -> Int[Tensor, "truth predicted"]:
        """Return the matrix: rows are true classes, columns predicted ones."""
        return self._counts.clone()

    def metrics(self) -> SegmentationMetrics:
        """Return the figures of everything added so far.

        Raises:
            ValueError: when no labelled point was added.
        """
        return segmentation_metrics(self.counts(), self.class_names)

    def _check(self, what: str, labels: Tensor, *, lowest: int) -> None:
        """Raise where a label is out of range, which would be counted in a wrong cell."""
        if labels.numel() == 0:
            return
        smallest, largest = int(labels.min()), int(labels.max())
        if smallest < lowest or largest >= len(self.class_names):
            raise ValueError(
                f"{what} run from {smallest} to {largest}; with {len(self.class_names)} classes they must "
                f"lie in {lowest} to {len(self.class_names) - 1}"
            )


def segmentation_metrics(
    confusion: Int[Tensor, "truth predicted"], class_names: tuple[str, ...]
) -> SegmentationMetrics:
    """Return the figures of a confusion matrix, rows being true classes.

    Raises:
        ValueError: when the matrix is empty.
    """
    counted = confusion.double()
    right, truth, predicted = counted.diagonal(), counted.sum(dim=1), counted.sum(dim=0)
    points = float(truth.sum())
    if points == 0:
        raise ValueError(
            "no labelled point to measure on: every target is -1 (ignored) or no batch was added; "
            "check that the validation scenes have labels"
        )
    # 0 / 0 gives the NaN of a class that does not occur.
    iou = right / (truth + predicted - right)
    accuracy = right / truth
    return SegmentationMetrics(
        miou=float(torch.nanmean(iou)),
        macc=float(torch.nanmean(accuracy)),
        allacc=float(right.sum()) / points,
        iou_per_class=tuple(iou.tolist()),
        accuracy_per_class=tuple(accuracy.tolist()),
        class_names=class_names,
        counts=tuple(int(count) for count in truth.tolist()),
    )
