"""Augmentation T (Eq. 1): the transforms in one random composition."""

import math

import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator

from ponder_data.draws import draw_uniform
from ponder_data.scene import Scene
from ponder_data.transforms.center_shift import center_shift
from ponder_data.transforms.color_jitter import ColorJitterConfig, color_jitter
from ponder_data.transforms.flip import flip
from ponder_data.transforms.rotate import rotate
from ponder_data.transforms.scale import scale


class AugmentationConfig(BaseModel):
    """How scenes vary from one look at them to the next. :meth:`none` leaves only the centre shift."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rotate_z: float = Field(default=180.0, ge=0, le=180, description="degrees about z: uniform in +- this")
    tilt: float = Field(default=3.0, ge=0, le=90, description="degrees about x and y: uniform in +- this")
    scale: tuple[float, float] = Field(default=(0.9, 1.1), description="size: times uniform in this range")
    flip: float = Field(default=0.5, ge=0, le=1, description="probability of mirroring x, and the same for y")
    color: ColorJitterConfig = ColorJitterConfig()
    center: bool = Field(
        default=True, description="centre x and y on the bounds and put the lowest point at z = 0, last"
    )

    @field_validator("scale")
    @classmethod
    def _scale_is_a_range(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 < value[0] <= value[1] < math.inf:
            raise ValueError(f"scale is {value}; give the lower factor first, both positive, e.g. (0.9, 1.1)")
        return value

    @classmethod
    def none(cls) -> "AugmentationConfig":
        """Return the configuration for evaluation: nothing random, only the centre shift."""
        color = ColorJitterConfig(brightness=0.0, contrast=0.0, noise=0.0)
        return cls(rotate_z=0.0, tilt=0.0, scale=(1.0, 1.0), flip=0.0, color=color)


def augment(scene: Scene, config: AugmentationConfig, generator: torch.Generator) -> Scene:
    """Return a randomly changed scene: points, normals, boxes and views change together.

    Any point still falls on the pixel that shows it (on the mirrored column, where the scene was mirrored),
    at the depth which that pixel holds. What the configuration switches off is skipped, exactly.
    """
    if config.rotate_z > 0:
        scene = rotate(scene, "z", math.radians(draw_uniform(-config.rotate_z, config.rotate_z, generator)))
    if config.tilt > 0:
        scene = rotate(scene, "x", math.radians(draw_uniform(-config.tilt, config.tilt, generator)))
        scene = rotate(scene, "y", math.radians(draw_uniform(-config.tilt, config.tilt, generator)))
    if config.scale != (1.0, 1.0):
        scene = scale(scene, draw_uniform(config.scale[0], config.scale[1], generator))
    if config.flip > 0 and draw_uniform(0.0, 1.0, generator) < config.flip:
        scene = flip(scene, "x")
    if config.flip > 0 and draw_uniform(0.0, 1.0, generator) < config.flip:
        scene = flip(scene, "y")
    if config.color.brightness or config.color.contrast or config.color.noise:
        scene = color_jitter(scene, config.color, generator)
    return center_shift(scene) if config.center else scene
