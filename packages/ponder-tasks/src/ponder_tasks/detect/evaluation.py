"""Measuring a detector: the boxes it believes in every validation scene, against the true ones."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from ponder_data import Scene, Scenes
from ponder_data.scene import Boxes

from ponder_tasks.boxes.rotated_iou import axis_aligned_iou_3d, iou_3d
from ponder_tasks.detect.decoding import ClassifiedBoxes
from ponder_tasks.detect.model import DetectionModel
from ponder_tasks.detect.true_boxes import boxes_to_detect
from ponder_tasks.listener import Measurement
from ponder_tasks.metrics.class_figures import ClassFigure, ClassFigures
from ponder_tasks.metrics.detection import DetectionMatches
from ponder_tasks.whole_scene import whole_scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """A scene, the boxes believed in it, and the true boxes of the detector's classes."""

    scene: Scene
    found: ClassifiedBoxes
    truth: Boxes


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionMetrics:
    """AP at 25 and 50 % overlap, of rotated boxes and of the axis-aligned boxes around them.

    ``rotated`` compares boxes as they are; ``aligned`` those of heading 0 around each, as ScanNet's protocol, whose
    boxes have no heading, does.
    """

    rotated: DetectionMatches
    aligned: DetectionMatches

    def measurements(self) -> tuple[Measurement, ...]:
        """Return mean AP and recall, in percent."""
        named = []
        for suffix, matches in (("", self.rotated), ("_aligned", self.aligned)):
            for percent in (25, 50):
                figures = matches.average_precision(percent / 100)
                named.append((f"ap{percent}{suffix}", figures.mean))
        named.append(("recall25", self.rotated.average_precision(0.25).mean_recall))
        return tuple(Measurement(name=name, value=100.0 * value, unit="%") for name, value in named)

    def per_class(self) -> ClassFigures:
        """Return AP25 and AP50 of the rotated boxes of each class."""
        figures = [
            ClassFigure(
                name=f"ap{percent}",
                label=f"AP{percent}",
                values=self.rotated.average_precision(percent / 100).ap_per_class,
            )
            for percent in (25, 50)
        ]
        return ClassFigures(
            class_names=self.rotated.class_names,
            counted="boxes",
            counts=self.rotated.counts(),
            figures=tuple(figures),
        )


@torch.no_grad()
def detect_in_scene(model: DetectionModel, scene: Scene) -> Detected:
    """Detect the boxes of ``scene``, without anything random; scene and boxes come back centred.

    Raises:
        ValueError: when the scene does not know its boxes.
    """
    if scene.boxes is None:
        raise ValueError(
            f"scene {scene.name!r} has no boxes to compare detections with; use data with boxes, such as rooms"
        )
    whole = whole_scene(scene, model.recipe.sample.grid_size)
    assert whole.scene.boxes is not None, "centring keeps boxes"
    device = model.mean_sizes.device
    found = model.detect(whole.batch.to(device))
    truth = boxes_to_detect(whole.scene.boxes, model.class_of_label.cpu())
    return Detected(scene=whole.scene, found=found.to("cpu"), truth=truth)


def detect_in_scenes(model: DetectionModel, scenes: Scenes) -> Iterator[Detected]:
    """Detect in all ``scenes``, one after the other."""
    for index in range(len(scenes)):
        yield detect_in_scene(model, scenes[index])


class DetectionMeasure:
    """Collects scenes that a detector has looked at."""

    def __init__(self, model: DetectionModel) -> None:
        self._every_class = model.recipe.decoding.every_class
        self._metrics = DetectionMetrics(
            rotated=DetectionMatches(model.classes, iou_3d),
            aligned=DetectionMatches(model.classes, axis_aligned_iou_3d),
        )

    def add(self, detected: Detected) -> None:
        """Add a scene."""
        detections = detected.found.detections(every_class=self._every_class)
        self._metrics.rotated.add(detections, detected.truth)
        self._metrics.aligned.add(detections, detected.truth)

    def metrics(self) -> DetectionMetrics:
        """Return the figures of all scenes added so far."""
        return self._metrics


def measure_detection(model: DetectionModel, scenes: Scenes) -> DetectionMetrics:
    """Return AP25, AP50 and recall over ``scenes``.

    Raises:
        ValueError: when a scene does not know its boxes, or none of them is to be detected.
    """
    measure = DetectionMeasure(model)
    for detected in detect_in_scenes(model, scenes):
        measure.add(detected)
    return measure.metrics()
