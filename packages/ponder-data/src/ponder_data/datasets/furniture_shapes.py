"""Furniture shapes: the procedural pieces of the synthetic rooms, one by one, as exact solids."""

from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ponder_data.rooms.furniture.beds import bed
from ponder_data.rooms.furniture.piece import Piece
from ponder_data.rooms.furniture.seats import chair, office_chair, sofa, stool
from ponder_data.rooms.furniture.storage import chest, nightstand, shelf, sideboard, wardrobe
from ponder_data.rooms.furniture.tables import coffee_table, desk, dining_table
from ponder_data.rooms.materials import Palette, sample_palette
from ponder_data.scene import Scene
from ponder_data.shapes.part_union import PartUnion, to_unit
from ponder_data.shapes.shape import Shape
from ponder_data.shapes.solid import unit_frame

BUILDERS: tuple[Callable[[np.random.Generator, Palette], Piece], ...] = (
    chair,
    office_chair,
    stool,
    sofa,
    bed,
    dining_table,
    coffee_table,
    desk,
    shelf,
    wardrobe,
    sideboard,
    chest,
    nightstand,
)
"""In turn. Lamps, plants and screens are left out: their poles and panels are thinner than a cell of a 64^3 volume."""

_SPLIT_KEYS = {"train": 0, "val": 1}
_STREAM = 1
"""Keeps the streams of shapes apart from those of rooms with the same seed, split and number."""


class FurnitureShapesConfig(BaseModel):
    """Which pieces, and how densely their surfaces are known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["furniture"] = "furniture"
    split: Literal["train", "val"] = Field(
        default="train", description="the two splits never share a piece, whatever the seeds and counts"
    )
    shapes: int = Field(
        default=64, ge=1, description="number of pieces: chair, sofa, bed, table, ... in turn"
    )
    first: int = Field(default=0, ge=0, lt=2**31, description="index of the first piece within the split")
    seed: int = Field(default=0, ge=0, lt=2**32)
    surface_points: int = Field(default=50_000, ge=100, description="points of each surface")


class FurnitureShapes:
    """A sequence of pieces of furniture in the unit cube, made when asked for; a pure function of seed and number.

    Insides and surfaces are exact: a piece is a union of boxes, cylinders, cones and ellipsoids.
    """

    name = "furniture"
    class_names: tuple[str, ...] = ()

    def __init__(self, config: FurnitureShapesConfig) -> None:
        self.config = config
        self._made = lru_cache(maxsize=256)(self._make)

    def __len__(self) -> int:
        return self.config.shapes

    def __getitem__(self, index: int) -> Scene:
        return self.shape(index).as_scene(self.name)

    def shape(self, index: int) -> Shape:
        """Return piece ``index``.

        Raises:
            IndexError: when there is no such piece.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"piece {index} of {len(self)}: valid indices are 0 to {len(self) - 1}")
        return self._made(index)

    def _make(self, index: int) -> Shape:
        config, number = self.config, self.config.first + index
        key = (_SPLIT_KEYS[config.split], number, _STREAM)
        rng = np.random.default_rng(np.random.SeedSequence(entropy=config.seed, spawn_key=key))
        build = BUILDERS[number % len(BUILDERS)]
        piece = build(rng, sample_palette(rng))
        frame = unit_frame(*piece.bounds())
        union = PartUnion(parts=to_unit(piece.parts, frame))
        return Shape(
            name=f"{build.__name__.replace('_', '-')}-{config.split}-{config.seed}-{number:05d}",
            solid=union,
            surface=union.sample_surface(config.surface_points, rng),
            side=frame.side,
        )

    def __getstate__(self) -> FurnitureShapesConfig:
        return self.config

    def __setstate__(self, config: FurnitureShapesConfig) -> None:
        self.__init__(config)
