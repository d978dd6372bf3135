"""Boxes as numbers that a network can regress, and back.

A code has ten: x, y, z (m), the logarithms of length, width and height (m), sine and cosine of the heading, and the
velocity along x and y (m/s). Each head keeps its own frame for x and y.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ponder_tasks.boxes.oriented_boxes import OrientedBoxes
from ponder_tasks.outdoor_detect.driving_boxes import DrivingBoxes

CODE = 10
"""Numbers of a code."""

LARGEST_LOG_SIZE = 4.0
"""exp(4) = 55 m: no thing on a road is longer, and a network that has not learned yet must not overflow."""


def encode_boxes(boxes: DrivingBoxes) -> Float[Tensor, "boxes 10"]:
    """Return the code of each box, x and y in metres; an unknown velocity stays NaN."""
    geometry = boxes.geometry
    return torch.cat(
        (
            geometry.center,
            geometry.size.clamp_min(1e-3).log(),
            geometry.heading.sin()[:, None],
            geometry.heading.cos()[:, None],
            boxes.velocity,
        ),
        dim=1,
    )


def decode_boxes(
    code: Float[Tensor, "boxes 10"], label: Int[Tensor, " boxes"], attribute: Int[Tensor, " boxes"]
) -> DrivingBoxes:
    """Return the boxes of codes, x and y in metres. Sine and cosine need not have length one."""
    return DrivingBoxes(
        geometry=OrientedBoxes(
            center=code[:, :3],
            size=code[:, 3:6].clamp(max=LARGEST_LOG_SIZE).exp(),
            heading=torch.atan2(code[:, 6], code[:, 7]),
        ),
        velocity=code[:, 8:],
        label=label,
        attribute=attribute,
    )


def code_distance(
    predicted: Float[Tensor, "boxes 10"],
    truth: Float[Tensor, "boxes 10"],
    weights: tuple[float, ...],
) -> Float[Tensor, ""]:
    """Return ``sum over boxes and numbers of weight |predicted - truth|``; unknown (NaN) truth counts nothing."""
    known = truth.isfinite()
    difference = (predicted - torch.where(known, truth, predicted.detach())).abs()
    return (difference * predicted.new_tensor(weights)).sum()
