"""Collections of shapes."""

from typing import Protocol, runtime_checkable

from ponder_data.scenes import Scenes
from ponder_data.shapes.shape import Shape


@runtime_checkable
class Shapes(Scenes, Protocol):
    """Scenes of which each is the surface of a solid: by ``shapes[i]`` its points, by ``shapes.shape(i)`` all of it."""

    def shape(self, index: int) -> Shape:
        """Return shape ``index``, the same every time."""
        ...
