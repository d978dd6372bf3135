"""Measuring a segmentation model: every point of every validation scene is predicted, at one look or by voting."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Int
from ponder_data import GridCell, Scene, Scenes
from torch import Tensor

from ponder_tasks.listener import Measurement
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
    model: SegmentationModel, scene: Scene, grid_size: GridCell, voting: VotingConfig | None = None
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
    model: SegmentationModel, scenes: Scenes, grid_size: GridCell, voting: VotingConfig | None = None
) -> Iterator[Segmented]:
    """Predict all ``scenes``, one after the other."""
    for index in range(len(scenes)):
        yield segment_scene(model, scenes[index], grid_size, voting)


class SegmentationFigures:
    """Collects predictions scene by scene: over all, and over each dataset where there are several."""

    def __init__(self, class_names: tuple[str, ...]) -> None:
        self._class_names = class_names
        self._all = ConfusionMatrix(class_names)
        self._datasets: dict[str, ConfusionMatrix] = {}
        self._scenes: list[str] = []

    def add(self, segmented: Segmented) -> None:
        """Add one scene; without labels it does not count."""
        truth = segmented.scene.semantic
        if truth is None:
            return
        self._scenes.append(f"{segmented.scene.dataset}/{segmented.scene.name}")
        own = self._datasets.setdefault(segmented.scene.dataset, ConfusionMatrix(self._class_names))
        for matrix in (self._all, own):
            matrix.add(segmented.prediction, truth)

    def include(self, other: "SegmentationFigures") -> None:
        """Add everything that ``other`` has collected, of other scenes.

        Raises:
            ValueError: when it has other classes, or a scene that is here already.
        """
        self._all.include(other._all)
        twice = sorted(set(self._scenes) & set(other._scenes))
        if twice:
            raise ValueError(f"{twice[0]} is judged twice; every scene must be judged by one run only")
        self._scenes += other._scenes
        for name, matrix in other._datasets.items():
            self._datasets.setdefault(name, ConfusionMatrix(self._class_names)).include(matrix)

    @property
    def labelled(self) -> bool:
        """Whether any point so far has a label."""
        return int(self._all.counts().sum()) > 0

    def metrics(self) -> SegmentationMetrics:
        """Return the figures over all scenes.

        Raises:
            ValueError: when no point is labelled.
        """
        return self._all.metrics()

    def measurements(self) -> tuple[Measurement, ...]:
        """Return the figures over all scenes, then ``miou_DATASET`` where there are several; errors as above."""
        own = [
            Measurement(name=f"miou_{name}", value=100.0 * matrix.metrics().miou, unit="%")
            for name, matrix in sorted(self._datasets.items())
            if len(self._datasets) > 1 and int(matrix.counts().sum()) > 0
        ]
        return (*self.metrics().measurements(), *own)


def measure_segmentation(
    model: SegmentationModel, scenes: Scenes, grid_size: GridCell
) -> tuple[Measurement, ...]:
    """Return mIoU, mAcc, allAcc over all labelled points of ``scenes``, each looked at once.

    Raises:
        ValueError: when no point is labelled.
    """
    figures = SegmentationFigures(scenes.class_names)
    for segmented in segment_scenes(model, scenes, grid_size):
        figures.add(segmented)
    return figures.measurements()
