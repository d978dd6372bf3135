"""The boxes a detector is to find: those of its classes, of all scenes of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from ponder_data import Batch, Scenes
from ponder_data.scene import Boxes
from torch import Tensor

from ponder_tasks.boxes.oriented_boxes import OrientedBoxes

NO_SCENE = -2
"""Scene of the box that stands for "there is none", so that nothing has to ask whether a minimum is over nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueBoxes:
    """Boxes of a batch with their class (of the detector), instance, and scene within the batch."""

    boxes: OrientedBoxes
    label: Int[Tensor, " boxes"]
    instance: Int[Tensor, " boxes"]
    scene: Int[Tensor, " boxes"]


def detector_classes(class_names: Sequence[str], wanted: Sequence[str]) -> Int[Tensor, " labels"]:
    """Return, for each label of the data, the detector's class, which counts ``wanted``; -1 for the others.

    Raises:
        ValueError: when a wanted class is none of the data's.
    """
    unknown = [name for name in wanted if name not in class_names]
    if unknown:
        raise ValueError(
            f"classes {', '.join(unknown)} cannot be detected: the data has {', '.join(class_names)}"
        )
    return torch.tensor([wanted.index(name) if name in wanted else -1 for name in class_names])


def boxes_to_detect(boxes: Boxes, class_of_label: Int[Tensor, " labels"]) -> Boxes:
    """Return the boxes of the detector's classes, labelled with these."""
    label = _detector_labels(boxes, class_of_label)
    kept = label >= 0
    return replace(
        boxes,
        center=boxes.center[kept],
        size=boxes.size[kept],
        heading=boxes.heading[kept],
        label=label[kept],
        instance=boxes.instance[kept],
        velocity=None,
        num_points=None,
        attribute=None,
    )


def true_boxes(batch: Batch, class_of_label: Int[Tensor, " labels"]) -> TrueBoxes:
    """Return the boxes of ``batch`` to detect; where there are none, one that belongs to no scene.

    Raises:
        ValueError: when a scene does not know its boxes.
    """
    if batch.boxes is None:
        raise ValueError(
            f"not all of the scenes {', '.join(batch.names)} have boxes, so detection cannot be learned from them; "
            "use data with boxes, such as rooms"
        )
    boxes = batch.boxes.boxes
    label = _detector_labels(boxes, class_of_label)
    kept = label >= 0
    if not bool(kept.any()):
        return _no_boxes(batch)
    geometry = OrientedBoxes.of_scene(boxes).take(kept)
    scene = batch.boxes.scene_index()[kept]
    return TrueBoxes(boxes=geometry, label=label[kept], instance=boxes.instance[kept], scene=scene)


def mean_sizes(
    scenes: Scenes, class_of_label: Int[Tensor, " labels"], classes: int
) -> Float[Tensor, "classes 3"]:
    """Return the mean box size of each class over ``scenes``, metres; of a class without boxes, that of all.

    Raises:
        ValueError: when no scene has a box to detect.
    """
    total, count = torch.zeros(classes, 3), torch.zeros(classes, 1)
    for index in range(len(scenes)):
        boxes = scenes[index].boxes
        if boxes is None:
            continue
        wanted = boxes_to_detect(boxes, class_of_label)
        total.index_add_(0, wanted.label, wanted.size)
        count.index_add_(0, wanted.label, torch.ones(len(wanted), 1))
    if float(count.sum()) == 0:
        raise ValueError(
            f"none of the {len(scenes)} training scenes has a box to detect; use data with boxes, such as rooms, "
            "or detect other classes"
        )
    overall = total.sum(dim=0) / count.sum()
    return torch.where(count > 0, total / count.clamp_min(1), overall)


def _detector_labels(boxes: Boxes, class_of_label: Int[Tensor, " labels"]) -> Int[Tensor, " boxes"]:
    """Return the detector's class of each box, -1 for boxes of none."""
    return torch.where(boxes.label >= 0, class_of_label[boxes.label.clamp_min(0)], -1)


def _no_boxes(batch: Batch) -> TrueBoxes:
    nowhere, none = batch.coord.new_zeros(1, 3), batch.instance.new_full((1,), -1)
    return TrueBoxes(
        boxes=OrientedBoxes(center=nowhere, size=nowhere + 1, heading=nowhere[:, 0]),
        label=torch.zeros_like(none),
        instance=none,
        scene=torch.full_like(none, NO_SCENE),
    )
