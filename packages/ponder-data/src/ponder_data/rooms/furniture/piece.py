"""A piece of furniture: parts in its own frame, before it is put into a room."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from ponder_data.rooms.classes import RoomClass
from ponder_data.rooms.materials import Palette
from ponder_data.rooms.parts import Part, bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """A level surface for small things: centre in the piece's frame, full width and depth, metres."""

    center: Float[np.ndarray, "3"]
    width: float
    depth: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Parts that belong together.

    The frame: x to the right, y to the front (a chair's sitter looks along +y, its back and a cabinet's back
    are at -y), z up; the piece stands on z = 0, or hangs from z = 0 with everything below.

    Attributes:
        label: its class.
        parts: its solids.
        support: where small things may be put on it.
        lower, upper: the corners of its bounding box, metres.
    """

    label: RoomClass
    parts: tuple[Part, ...]
    support: Support | None = None
    lower: Float[np.ndarray, "3"] = field(init=False)
    upper: Float[np.ndarray, "3"] = field(init=False)

    def __post_init__(self) -> None:
        lower, upper = bounds(self.parts)
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)

    def bounds(self) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
        """Its two corners in its own frame, metres."""
        return self.lower, self.upper


PieceBuilder = Callable[[np.random.Generator, Palette], Piece]
"""Draws one piece of a class in one of its styles."""
