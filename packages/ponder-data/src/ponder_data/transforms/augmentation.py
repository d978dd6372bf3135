"""Augmentation T (Eq. 1): the transforms in one random composition."""

import math

import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ponder_data.draws import draw_event, draw_uniform
from ponder_data.scene import Scene
from ponder_data.transforms.center_shift import center_shift, translate
from ponder_data.transforms.color_jitter import ColorJitterConfig, color_jitter
from ponder_data.transforms.elastic import ElasticConfig, elastic
from ponder_data.transforms.flip import flip
from ponder_data.transforms.jitter import JitterConfig, jitter
from ponder_data.transforms.rotate import Axis, rotate
from ponder_data.transforms.scale import scale


class AugmentationConfig(BaseModel):
    """How scenes vary from one look at them to the next. :meth:`none` leaves only the centre shift."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rotate_z: float = Field(default=180.0, ge=0, le=180, description="degrees about z: uniform in +- this")
    rotate_z_probability: float = Field(
        default=1.0, ge=0, le=1, description="share of the scenes turned about z"
    )
    tilt: float = Field(default=3.0, ge=0, le=90, description="degrees about x and y: uniform in +- this")
    tilt_probability: float = Field(
        default=1.0, ge=0, le=1, description="share of the scenes turned about x, and the same about y"
    )
    scale: tuple[float, float] = Field(default=(0.9, 1.1), description="size: times uniform in this range")
    flip: float = Field(default=0.5, ge=0, le=1, description="probability of mirroring x, and the same for y")
    shift: tuple[float, float, float] = Field(
        default=(0.0, 0.0, 0.0), description="metres along x, y, z: uniform in +- these; needs center=False"
    )
    jitter: JitterConfig = JitterConfig()
    elastic: ElasticConfig = ElasticConfig()
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

    @model_validator(mode="after")
    def _shift_is_not_undone(self) -> "AugmentationConfig":
        if not all(math.isfinite(metres) and metres >= 0 for metres in self.shift):
            raise ValueError(f"shift is {self.shift}; give metres along x, y, z, none of them negative")
        if any(self.shift) and self.center:
            raise ValueError(f"shift is {self.shift} but center undoes it; set center=False, or no shift")
        return self

    @property
    def keeps_views(self) -> bool:
        """Whether the views still show the scene; only elastic distortion cannot be carried to cameras."""
        return self.elastic.probability == 0.0

    @classmethod
    def none(cls) -> "AugmentationConfig":
        """Return the configuration for evaluation: nothing random, only the centre shift."""
        color = ColorJitterConfig(brightness=0.0, contrast=0.0, noise=0.0)
        return cls(rotate_z=0.0, tilt=0.0, scale=(1.0, 1.0), flip=0.0, color=color)


def _turned(scene: Scene, axis: Axis, most: float, probability: float, generator: torch.Generator) -> Scene:
    if most > 0 and draw_event(probability, generator):
        return rotate(scene, axis, math.radians(draw_uniform(-most, most, generator)))
    return scene


def _shifted(scene: Scene, most: tuple[float, float, float], generator: torch.Generator) -> Scene:
    offset = [draw_uniform(-metres, metres, generator) for metres in most]
    return translate(scene, torch.tensor(offset).to(scene.coord))


def augment(scene: Scene, config: AugmentationConfig, generator: torch.Generator) -> Scene:
    """Return a randomly changed scene: points, normals, boxes and views change together.

    Any point still falls on the pixel that shows it (on the mirrored column, where the scene was mirrored),
    at the depth which that pixel holds; with ``config.jitter``, up to the noise. With ``config.elastic`` there
    are no views left. What the configuration switches off is skipped, exactly, and draws nothing.
    """
    scene = _turned(scene, "z", config.rotate_z, config.rotate_z_probability, generator)
    scene = _turned(scene, "x", config.tilt, config.tilt_probability, generator)
    scene = _turned(scene, "y", config.tilt, config.tilt_probability, generator)
    if config.scale != (1.0, 1.0):
        scene = scale(scene, draw_uniform(config.scale[0], config.scale[1], generator))
    if config.flip > 0 and draw_uniform(0.0, 1.0, generator) < config.flip:
        scene = flip(scene, "x")
    if config.flip > 0 and draw_uniform(0.0, 1.0, generator) < config.flip:
        scene = flip(scene, "y")
    if any(config.shift):
        scene = _shifted(scene, config.shift, generator)
    scene = jitter(scene, config.jitter, generator)
    scene = elastic(scene, config.elastic, generator)
    if config.color.changes_colors:
        scene = color_jitter(scene, config.color, generator)
    return center_shift(scene) if config.center else scene
