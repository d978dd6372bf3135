"""What the report shows of detection: true and detected boxes over the cloud, from three sides."""

import numpy as np
from jaxtyping import Float, Int

from ponder_tasks.boxes.corners import box_corners
from ponder_tasks.boxes.oriented_boxes import OrientedBoxes
from ponder_tasks.detect.evaluation import Detected
from ponder_tasks.report.box_lines import BoxLines
from ponder_tasks.report.palette import class_palette
from ponder_tasks.report.pictures import CloudLayer, CloudPictures

SHOWN_SCORE = 0.5
"""Boxes less sure than this are measured, but not drawn."""

FAINT = 0.35
"""How much of a point's colour is left under boxes."""


def detected_pictures(detected: Detected, class_names: tuple[str, ...]) -> CloudPictures:
    """Return a scene with its true boxes and the detected ones that are sure, as the report takes it."""
    scene = detected.scene
    color = scene.color.numpy()
    faint = 1.0 - FAINT + FAINT * color.mean(axis=1, keepdims=True).repeat(3, axis=1)
    palette = class_palette(len(class_names))
    found = detected.found.detections(every_class=False)
    # The surest boxes are drawn last, over the others.
    shown = np.flatnonzero(found.score.numpy() >= SHOWN_SCORE)[::-1].copy()
    true_label, found_label = detected.truth.label.numpy(), found.label.numpy()[shown]
    true_lines = _lines(OrientedBoxes.of_scene(detected.truth), true_label, palette)
    all_found = _lines(found.boxes, found.label.numpy(), palette)
    found_lines = BoxLines(corners=all_found.corners[shown], color=all_found.color[shown])
    occurring = sorted(set(true_label.tolist()) | set(found_label.tolist()))
    return CloudPictures(
        name=scene.name,
        coord=scene.coord.numpy(),
        layers=(
            CloudLayer(caption="Input colours", color=color),
            CloudLayer(caption=f"True boxes: {len(true_label)}", color=faint, boxes=true_lines),
            CloudLayer(
                caption=f"Detected boxes, at least {SHOWN_SCORE:.0%} sure: {len(shown)}",
                color=faint,
                boxes=found_lines,
                predicted=True,
            ),
        ),
        legend=tuple((class_names[index], _triple(palette[index])) for index in occurring),
    )


def _lines(
    boxes: OrientedBoxes, label: Int[np.ndarray, " boxes"], palette: Float[np.ndarray, "classes 3"]
) -> BoxLines:
    return BoxLines(corners=box_corners(boxes).detach().numpy().astype(np.float64), color=palette[label])


def _triple(color: Float[np.ndarray, "3"]) -> tuple[float, float, float]:
    red, green, blue = color.tolist()
    return red, green, blue
