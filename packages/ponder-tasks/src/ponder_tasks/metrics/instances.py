"""Instance segmentation figures by ScanNet's protocol: AP, AP50 and AP25 per class and their means.

Overlap is the IoU of point sets of one class. AP50 and AP25 are average precisions at overlaps above 0.5 and 0.25; AP
is the mean over nine overlaps, 0.5 to 0.9 in steps of 0.05: ``[0.5:0.95:0.05]``, whose end the benchmark's own program
leaves out. ``instance_matching.py`` says which predictions count as right, and ``average_precision.py`` how the curve
is integrated. What the data decides:

- a class without a true instance of at least ``minimum_points`` points has no figure (NaN) and is left out of the
  means, whatever is predicted; one that occurs and is never predicted has 0;
- where no class occurs there is nothing to measure, and asking is a ``ValueError``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int
from torch import Tensor

from ponder_tasks.instances.point_instances import PointInstances
from ponder_tasks.listener import Measurement
from ponder_tasks.metrics.average_precision import average_precision
from ponder_tasks.metrics.class_figures import ClassFigure, ClassFigures
from ponder_tasks.metrics.instance_matching import JudgedScene, judge_scene
from ponder_tasks.metrics.instance_overlaps import SceneOverlaps, scene_overlaps

AP_OVERLAPS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
LOOSE_OVERLAP = 0.25
SCANNET_MINIMUM_POINTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceMetrics:
    """How well instances were found. All figures are fractions in [0, 1]; ``measurements`` gives percent.

    Attributes:
        class_names: of the thing classes.
        ap, ap50, ap25: of each class, NaN where it does not occur.
        counts: true instances that were looked for, of each class.
    """

    class_names: tuple[str, ...]
    ap: tuple[float, ...]
    ap50: tuple[float, ...]
    ap25: tuple[float, ...]
    counts: tuple[int, ...]

    def measurements(self) -> tuple[Measurement, ...]:
        """Return the means over the classes that occur, in percent."""
        figures = (("ap", self.ap), ("ap50", self.ap50), ("ap25", self.ap25))
        return tuple(
            Measurement(name=name, value=100.0 * float(np.nanmean(values)), unit="%")
            for name, values in figures
        )

    def per_class(self) -> ClassFigures:
        """Return the three figures of each class."""
        return ClassFigures(
            class_names=self.class_names,
            counted="instances",
            counts=self.counts,
            figures=(
                ClassFigure(name="ap", label="AP", values=self.ap),
                ClassFigure(name="ap50", label="AP50", values=self.ap50),
                ClassFigure(name="ap25", label="AP25", values=self.ap25),
            ),
        )


class InstanceAccumulator:
    """Gathers scenes, each with its own overlaps; predictions never meet truth of another scene."""

    def __init__(
        self,
        class_names: Sequence[str],
        things: Bool[Tensor, " classes"],
        *,
        minimum_points: int = SCANNET_MINIMUM_POINTS,
    ) -> None:
        """``things`` says which classes are counted in instances; the others are void."""
        if len(class_names) != len(things) or not bool(things.any()):
            raise ValueError(
                f"things must say of each of the {len(class_names)} classes whether it is counted in instances, "
                f"at least one of them; it has {len(things)} entries, {int(things.sum())} of them true"
            )
        self.class_names = tuple(class_names)
        self.things = things.cpu()
        self.minimum_points = minimum_points
        self._scenes: list[SceneOverlaps] = []

    def add(
        self, predicted: PointInstances, semantic: Int[Tensor, " points"], instance: Int[Tensor, " points"]
    ) -> None:
        """Add one scene: what was predicted, and the true class and instance of each point (-1 where unknown).

        Raises:
            ValueError: when a prediction names a point or class that is not there, or a score is not finite.
        """
        self._scenes.append(scene_overlaps(predicted, semantic.cpu(), instance.cpu(), self.things))

    def metrics(self) -> InstanceMetrics:
        """Return the figures of everything added so far.

        Raises:
            ValueError: when no scene has a true instance that is large enough.
        """
        labels = [int(label) for label in self.things.nonzero().squeeze(1)]
        found = {
            threshold: [judge_scene(scene, threshold, self.minimum_points) for scene in self._scenes]
            for threshold in (*AP_OVERLAPS, LOOSE_OVERLAP)
        }
        counts = [sum(int((s.truth_label == label).sum()) for s in found[LOOSE_OVERLAP]) for label in labels]
        if not any(counts):
            raise ValueError(
                f"no true instance of at least {self.minimum_points} points to measure on, in {len(self._scenes)} "
                "scene(s); check that the validation scenes have instance labels"
            )
        by_threshold = {
            threshold: tuple(_class_precision(scenes, label) for label in labels)
            for threshold, scenes in found.items()
        }
        mean = np.mean([by_threshold[threshold] for threshold in AP_OVERLAPS], axis=0)
        return InstanceMetrics(
            class_names=tuple(self.class_names[label] for label in labels),
            ap=tuple(mean.tolist()),
            ap50=by_threshold[0.5],
            ap25=by_threshold[LOOSE_OVERLAP],
            counts=tuple(counts),
        )


def _class_precision(scenes: Sequence[JudgedScene], label: int) -> float:
    """Return the average precision of one class over all scenes."""
    score = np.concatenate([scene.score[scene.label == label] for scene in scenes])
    is_true = np.concatenate([scene.is_true[scene.label == label] for scene in scenes])
    missed = sum(int((~scene.found[scene.truth_label == label]).sum()) for scene in scenes)
    return average_precision(is_true, score, missed=missed)
