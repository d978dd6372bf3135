"""Average precision of detected boxes, as VoteNet's evaluation computes it (VOC, all-point interpolation).

For each class, over all scenes together:

- detections are ranked by falling score; equal scores keep the order in which they were added;
- each one is compared with the true box of its class and scene that it overlaps most (of equal overlaps, the first).
  It is right when that overlap is *above* the threshold and no better-ranked detection was right with the same
  box; otherwise it is wrong. A second detection of one box is wrong, even where it also overlaps another box;
- AP is the area under the precision over recall, precision being replaced by the highest one at this recall or a
  higher one, and summed at every recall that occurs (VOC from 2010 on, not the eleven points of 2007). Recall is the
  share of all true boxes, also those that no detection comes near.

What counts is decided by the truth: a class without a true box has no AP (NaN) and is left out of the means,
whatever was detected; a class with true boxes and no detection has AP 0; in a scene without true boxes every
detection is wrong; and where there is no true box at all there is nothing to measure, which is a ``ValueError``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from ponder_data.scene import Boxes
from torch import Tensor

from ponder_tasks.boxes.oriented_boxes import OrientedBoxes
from ponder_tasks.boxes.rotated_iou import PairedOverlap, pairwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections:
    """What was detected in one scene: boxes, the class of each, and how sure that is, any finite number."""

    boxes: OrientedBoxes
    label: Int[Tensor, " boxes"]
    score: Float[Tensor, " boxes"]

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePrecision:
    """AP and final recall of every class, fractions in [0, 1], NaN for a class without a true box.

    Attributes:
        threshold: the overlap that a right detection exceeds.
        ap_per_class, recall_per_class: see above; the recall is that of all detections together.
    """

    threshold: float
    ap_per_class: tuple[float, ...]
    recall_per_class: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean AP over the classes with true boxes."""
        return float(np.nanmean(self.ap_per_class))

    @property
    def mean_recall(self) -> float:
        """Mean recall over the classes with true boxes."""
        return float(np.nanmean(self.recall_per_class))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ranked:
    """The detections of one class in one scene: score, true box nearest to each, and their overlap."""

    score: Float[np.ndarray, " detections"]
    nearest: Int[np.ndarray, " detections"]
    overlap: Float[np.ndarray, " detections"]


class DetectionMatches:
    """Collects scenes, and computes AP at any threshold.

    Args:
        class_names: by label.
        overlap: of paired boxes: ``iou_3d``, ``axis_aligned_iou_3d`` or ``bev_iou``.
    """

    def __init__(self, class_names: Sequence[str], overlap: PairedOverlap) -> None:
        self.class_names = tuple(class_names)
        self.overlap = overlap
        self._ranked: list[list[_Ranked]] = [[] for _ in self.class_names]
        self._truths = [0] * len(self.class_names)

    def add(self, detections: Detections, truth: Boxes) -> None:
        """Add a scene; true boxes of label -1 are left out.

        Raises:
            ValueError: when a label is no class, or a score is not finite.
        """
        self._check(detections, truth)
        boxes = OrientedBoxes.of_scene(truth)
        table = pairwise(detections.boxes.to(boxes.center.device), boxes, self.overlap).detach().cpu().numpy()
        labels, scores = detections.label.cpu().numpy(), detections.score.detach().cpu().double().numpy()
        true_labels = truth.label.cpu().numpy()
        for index in range(len(self.class_names)):
            detected, true = np.flatnonzero(labels == index), np.flatnonzero(true_labels == index)
            overlaps = table[np.ix_(detected, true)]
            nearest = overlaps.argmax(axis=1) if len(true) else np.zeros(len(detected), dtype=np.int64)
            best = overlaps[np.arange(len(detected)), nearest] if len(true) else np.zeros(len(detected))
            self._ranked[index].append(
                _Ranked(score=scores[detected], nearest=nearest + self._truths[index], overlap=best)
            )
            self._truths[index] += len(true)

    def counts(self) -> tuple[int, ...]:
        """Return the number of true boxes of each class."""
        return tuple(self._truths)

    def average_precision(self, threshold: float) -> AveragePrecision:
        """Return AP and recall of every class over all scenes added so far.

        Raises:
            ValueError: when there is no true box.
        """
        if sum(self._truths) == 0:
            raise ValueError(
                "no true box to measure on: no scene was added, or none has a box of these classes "
                f"({', '.join(self.class_names)}); check that the validation scenes have boxes"
            )
        figures = [
            _class_figures(ranked, truths, threshold)
            for ranked, truths in zip(self._ranked, self._truths, strict=True)
        ]
        return AveragePrecision(
            threshold=threshold,
            ap_per_class=tuple(ap for ap, _ in figures),
            recall_per_class=tuple(recall for _, recall in figures),
        )

    def _check(self, detections: Detections, truth: Boxes) -> None:
        for what, labels, lowest in (("detections", detections.label, 0), ("true boxes", truth.label, -1)):
            if labels.numel() and (int(labels.min()) < lowest or int(labels.max()) >= len(self.class_names)):
                raise ValueError(
                    f"labels of {what} run from {int(labels.min())} to {int(labels.max())}; with "
                    f"{len(self.class_names)} classes they must lie in {lowest} to {len(self.class_names) - 1}"
                )
        if not bool(torch.isfinite(detections.score).all()):
            broken = int((~torch.isfinite(detections.score)).sum())
            raise ValueError(f"{broken} of {len(detections)} scores are not finite, so they cannot be ranked")


def _class_figures(scenes: Sequence[_Ranked], truths: int, threshold: float) -> tuple[float, float]:
    """Return AP and recall of one class."""
    if truths == 0:
        return float("nan"), float("nan")
    score = np.concatenate([scene.score for scene in scenes])
    order = np.argsort(-score, kind="stable")
    nearest = np.concatenate([scene.nearest for scene in scenes])[order]
    near = np.concatenate([scene.overlap for scene in scenes])[order] > threshold
    # Of all detections near enough to one true box, only the best-ranked is right.
    _, first = np.unique(nearest[near], return_index=True)
    right = np.zeros(len(order), dtype=bool)
    right[np.flatnonzero(near)[first]] = True
    return area_under_precision(right, truths), float(right.sum()) / truths


def area_under_precision(right: Bool[np.ndarray, " detections"], truths: int) -> float:
    """Return AP of one class: which of its detections are right, best first, and how many true boxes there are."""
    found = np.cumsum(right)
    precision = found / np.arange(1, len(right) + 1)
    highest_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    return float(highest_from_here[right].sum()) / truths
