"""Measuring instance segmentation: every validation scene whole, by ScanNet's protocol."""

from collections.abc import Iterator
from dataclasses import dataclass

from ponder_data import Scenes

from ponder_tasks.instances.model import InstanceModel
from ponder_tasks.instances.prediction import InstancesOfScene, find_instances
from ponder_tasks.listener import Measurement
from ponder_tasks.metrics.instances import InstanceAccumulator, InstanceMetrics
from ponder_tasks.metrics.segmentation import ConfusionMatrix, SegmentationMetrics
from ponder_tasks.recipe import InstanceRecipe


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceSegmentationMetrics:
    """The figures of the instances, and of the classes of points that they were grown from."""

    instances: InstanceMetrics
    semantic: SegmentationMetrics

    def measurements(self) -> tuple[Measurement, ...]:
        """Return AP, AP50, AP25 and mIoU, in percent."""
        miou = next(m for m in self.semantic.measurements() if m.name == "miou")
        return (*self.instances.measurements(), miou)


class InstanceJudge:
    """Gathers scenes with what was found in them."""

    def __init__(self, recipe: InstanceRecipe, model: InstanceModel, class_names: tuple[str, ...]) -> None:
        least = recipe.evaluation.minimum_points
        self._instances = InstanceAccumulator(class_names, model.things, minimum_points=least)
        self._semantic = ConfusionMatrix(class_names)

    def add(self, found: InstancesOfScene) -> None:
        """Add one scene; one without labels is left out."""
        scene = found.scene
        if scene.semantic is None or scene.instance is None:
            return
        self._instances.add(found.instances, scene.semantic, scene.instance)
        self._semantic.add(found.semantic, scene.semantic)

    def metrics(self) -> InstanceSegmentationMetrics:
        """Return the figures of everything added so far.

        Raises:
            ValueError: when no scene has a true instance that is large enough.
        """
        return InstanceSegmentationMetrics(
            instances=self._instances.metrics(), semantic=self._semantic.metrics()
        )


def find_all(model: InstanceModel, scenes: Scenes, recipe: InstanceRecipe) -> Iterator[InstancesOfScene]:
    """Find the instances of all ``scenes``, one after the other."""
    for index in range(len(scenes)):
        yield find_instances(model, scenes[index], recipe.sample.grid_size, recipe.selection)


def measure_instances(
    model: InstanceModel, scenes: Scenes, recipe: InstanceRecipe
) -> InstanceSegmentationMetrics:
    """Return the figures over all labelled scenes of ``scenes``.

    Raises:
        ValueError: when no scene has a true instance that is large enough.
    """
    judge = InstanceJudge(recipe, model, scenes.class_names)
    for found in find_all(model, scenes, recipe):
        judge.add(found)
    return judge.metrics()
