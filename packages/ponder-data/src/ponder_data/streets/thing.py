"""A thing of the street: parts in its own frame, before it is put somewhere."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from ponder_data.nuscenes.classes import RAW_CATEGORIES
from ponder_data.rooms.parts import Part, bounds

_RAW_ID = {name: index for index, (name, _) in enumerate(RAW_CATEGORIES)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """Parts that belong together.

    The frame: x forward, y left, z up; the thing stands on z = 0.

    Attributes:
        category: raw category of nuScenes, such as ``vehicle.car``.
        parts: its solids.
        lower, upper: the corners of its bounding box, metres.
    """

    category: str
    parts: tuple[Part, ...]
    lower: Float[np.ndarray, "3"] = field(init=False)
    upper: Float[np.ndarray, "3"] = field(init=False)

    def __post_init__(self) -> None:
        lower, upper = bounds(self.parts)
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)

    @property
    def length(self) -> float:
        """Along x, metres."""
        return float(self.upper[0] - self.lower[0])

    @property
    def width(self) -> float:
        """Along y, metres."""
        return float(self.upper[1] - self.lower[1])


def thing(category: str, parts: Sequence[Part]) -> Thing:
    """Return the parts as one thing of a category."""
    return Thing(category=category, parts=tuple(parts))


def raw_id(category: str) -> int:
    """Return the raw lidarseg id of a category."""
    return _RAW_ID[category]
