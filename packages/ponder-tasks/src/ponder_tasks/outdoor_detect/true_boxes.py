"""The boxes that a batch of driving scenes is to be taught."""

from collections.abc import Sequence

from ponder_data import PackedBoxes

from ponder_tasks.outdoor_detect.driving_boxes import DrivingBoxes, boxes_of_scenes


def true_boxes(boxes: PackedBoxes | None, names: Sequence[str]) -> tuple[DrivingBoxes, ...]:
    """Return the boxes of each scene.

    Args:
        boxes: of all scenes; None where one does not know its boxes.
        names: of the scenes, for the error.

    Raises:
        ValueError: when a scene does not know its boxes.
    """
    if boxes is None:
        raise ValueError(
            f"not all of the scenes {', '.join(names)} have boxes, so detection cannot be learned from them; use "
            "annotated data, such as streets or nuscenes"
        )
    return boxes_of_scenes(boxes)
