"""Which attributes a class can have, as the devkit of nuScenes says, and choosing one of them."""

import torch
from jaxtyping import Bool, Float, Int
from ponder_data.nuscenes.classes import NUSCENES_ATTRIBUTES, NUSCENES_DETECTION_CLASSES
from ponder_data.scene import IGNORE_LABEL
from torch import Tensor

_KIND = {
    "pedestrian": "pedestrian",
    "bicycle": "cycle",
    "motorcycle": "cycle",
    "bus": "vehicle",
    "car": "vehicle",
    "construction_vehicle": "vehicle",
    "trailer": "vehicle",
    "truck": "vehicle",
}
"""First word of a class's attributes; barriers and cones have none."""


def possible_attributes() -> Bool[Tensor, "classes attributes"]:
    """Return whether a class can have an attribute."""
    return torch.tensor(
        [
            [_KIND.get(name) == attribute.split(".")[0] for attribute in NUSCENES_ATTRIBUTES]
            for name in NUSCENES_DETECTION_CLASSES
        ]
    )


def choose_attribute(
    logits: Float[Tensor, "boxes attributes"], label: Int[Tensor, " boxes"]
) -> Int[Tensor, " boxes"]:
    """Return the likeliest attribute that each box's class can have; -1 for classes without attributes."""
    possible = possible_attributes().to(label.device)[label]
    best = logits.masked_fill(~possible, -torch.inf).argmax(dim=1)
    return torch.where(possible.any(dim=1), best, IGNORE_LABEL)
