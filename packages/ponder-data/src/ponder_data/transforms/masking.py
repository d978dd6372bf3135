"""Masking: which points the encoder does not get to see."""

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field

from ponder_data.draws import draw_event
from ponder_data.grid import GridCell
from ponder_data.scene import Scene
from ponder_data.transforms.block_mask import block_mask
from ponder_data.transforms.random_drop import random_drop


class MaskingConfig(BaseModel):
    """Which points are removed before encoding: none, a random share, or whole blocks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["none", "random", "block"] = "none"
    ratio: float = Field(
        default=0.8, ge=0, lt=1, description="share of points (random) or of occupied blocks (block) removed"
    )
    probability: float = Field(default=1.0, ge=0, le=1, description="share of the scenes that are masked")
    block_voxels: int = Field(default=8, ge=1, description="side of a block in cells of the sampling grid")


def mask_points(
    scene: Scene, config: MaskingConfig, grid_size: GridCell, generator: torch.Generator
) -> Scene:
    """Return the scene without the masked points; views are not touched and at least two points stay."""
    if config.kind == "none" or not draw_event(config.probability, generator):
        return scene
    if config.kind == "random":
        return random_drop(scene, generator, ratio=config.ratio)
    return block_mask(
        scene, generator, grid_size=grid_size, block_voxels=config.block_voxels, ratio=config.ratio
    )
