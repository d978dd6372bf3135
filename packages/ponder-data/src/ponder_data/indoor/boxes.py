"""Boxes around objects: axis-aligned ones of labelled points, and oriented ones of annotations, set upright."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from ponder_data.scene import Boxes


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One upright box: centre and full sizes (m), heading (rad about +Z), class and instance."""

    center: Float[np.ndarray, "3"]
    size: Float[np.ndarray, "3"]
    heading: float
    label: int
    instance: int


def joined_boxes(boxes: Sequence[Box]) -> Boxes:
    """Return boxes of a scene; none is as good as some."""
    numbers = np.array([(*box.center, *box.size, box.heading) for box in boxes], dtype=np.float32).reshape(
        -1, 7
    )
    ids = np.array([(box.label, box.instance) for box in boxes], dtype=np.int64).reshape(-1, 2)
    table, names = torch.from_numpy(numbers), torch.from_numpy(ids)
    return Boxes(
        center=table[:, :3], size=table[:, 3:6], heading=table[:, 6], label=names[:, 0], instance=names[:, 1]
    )


def majority(labels: Int[np.ndarray, " points"]) -> int:
    """Return the most frequent label of those that are not -1 (the lowest of equals); -1 where all are."""
    known = labels[labels >= 0]
    return int(np.bincount(known).argmax()) if len(known) else -1


def instance_boxes(
    coord: Float[np.ndarray, "points 3"],
    instance: Int[np.ndarray, " points"],
    semantic: Int[np.ndarray, " points"],
) -> Boxes:
    """Return the axis-aligned box of each instance whose points have a class; -1 is no instance."""
    order = np.argsort(instance, kind="stable")
    numbers, starts = np.unique(instance[order], return_index=True)
    boxes = []
    for number, rows in zip(numbers.tolist(), np.split(order, starts[1:]), strict=True):
        label = majority(semantic[rows])
        if number < 0 or label < 0:
            continue
        low, high = coord[rows].min(axis=0), coord[rows].max(axis=0)
        boxes.append(Box(center=(low + high) / 2, size=high - low, heading=0.0, label=label, instance=number))
    return joined_boxes(boxes)


def upright_box(
    center: Float[np.ndarray, "3"],
    axes: Float[np.ndarray, "3 3"],
    size: Float[np.ndarray, "3"],
    label: int,
    instance: int,
) -> Box:
    """Return an oriented box set upright: the axis nearest to the vertical becomes it.

    Of the two others, the first (in the order of the rows) gives the heading. Boxes that stand upright, as
    those of furniture do, come out as they are.

    Args:
        center: metres.
        axes: unit vectors, one a row.
        size: full lengths along them, metres.
        label: class.
        instance: number.
    """
    vertical = int(np.abs(axes[:, 2]).argmax())
    first, second = (axis for axis in range(3) if axis != vertical)
    return Box(
        center=center,
        size=size[[first, second, vertical]],
        heading=math.atan2(axes[first, 1], axes[first, 0]),
        label=label,
        instance=instance,
    )
