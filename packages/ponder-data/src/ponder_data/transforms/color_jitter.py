"""Colour jitter: contrast, brightness, tint and hue of a whole scene, noise on each point, colour that is missing."""

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ponder_data.draws import draw_event, draw_uniform
from ponder_data.scene import Scene, View
from ponder_data.transforms.auto_contrast import AutoContrastConfig, stretch_channels

ColorChange = Callable[[Tensor], Tensor]

GREY = 0.5
"""The colour of points that lost theirs."""


class ColorJitterConfig(BaseModel):
    """How much colours vary. All zero leaves them alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    brightness: float = Field(
        default=0.1, ge=0, description="added to all colours: uniform in +- this, colours in [0, 1]"
    )
    contrast: float = Field(
        default=0.1, ge=0, lt=1, description="spread about the mean: uniform in 1 +- this"
    )
    noise: float = Field(
        default=0.02, ge=0, description="standard deviation of Gaussian noise on each point's colour"
    )
    noise_probability: float = Field(
        default=1.0, ge=0, le=1, description="share of the scenes with that noise"
    )
    auto_contrast: AutoContrastConfig = AutoContrastConfig()
    translation: float = Field(
        default=0.0, ge=0, description="added to each channel: three numbers, each uniform in +- this"
    )
    translation_probability: float = Field(
        default=1.0, ge=0, le=1, description="share of the scenes with that translation"
    )
    hue: float = Field(
        default=0.0, ge=0, le=1, description="all hues turn together: uniform in +- this share of half a turn"
    )
    drop: float = Field(
        default=0.0, ge=0, le=1, description="share of the scenes whose points lose their colour altogether"
    )
    views: bool = Field(
        default=False,
        description="change pictures like points, but for noise and drop; otherwise the encoder reads changed "
        "colours but must render the true ones, which teaches it to see through the change",
    )

    @property
    def changes_colors(self) -> bool:
        """Whether anything is switched on."""
        amounts = (self.brightness, self.contrast, self.noise, self.hue, self.drop, self.translation)
        return any(amounts) or self.auto_contrast.probability > 0


def _drawn_stretch(
    color: Float[Tensor, "points 3"], config: AutoContrastConfig, generator: torch.Generator
) -> ColorChange:
    """Draw whether and how far colours are stretched until those of the points fill [0, 1]."""
    if len(color) == 0 or not draw_event(config.probability, generator):
        return lambda unchanged: unchanged
    blend = draw_uniform(0.0, 1.0, generator) if config.blend is None else config.blend
    lower, upper = color.amin(dim=0), color.amax(dim=0)
    return lambda given: stretch_channels(given, lower, upper, blend)


def _drawn_translation(
    config: ColorJitterConfig, like: Tensor, generator: torch.Generator
) -> Float[Tensor, "3"]:
    if config.translation == 0.0 or not draw_event(config.translation_probability, generator):
        return like.new_zeros(3)
    return like.new_tensor(
        [draw_uniform(-config.translation, config.translation, generator) for _ in range(3)]
    )


def color_jitter(scene: Scene, config: ColorJitterConfig, generator: torch.Generator) -> Scene:
    """Return the scene with jittered colours, clamped to [0, 1]; its geometry does not change.

    In this order: channels are stretched, contrast, brightness and translation, hue, drop, noise.
    """
    brightness = draw_uniform(-config.brightness, config.brightness, generator)
    contrast = draw_uniform(1.0 - config.contrast, 1.0 + config.contrast, generator)
    # Nothing is drawn for what is left out, so that it may be added without changing the rest.
    angle = math.pi * draw_uniform(-config.hue, config.hue, generator) if config.hue > 0 else 0.0
    dropped = config.drop > 0 and draw_uniform(0.0, 1.0, generator) < config.drop
    stretched = _drawn_stretch(scene.color, config.auto_contrast, generator)
    offset = brightness + _drawn_translation(config, scene.color, generator)
    mean = stretched(scene.color).mean(dim=0) if len(scene) else scene.color.new_zeros(3)

    def changed(color: Tensor) -> Tensor:
        color = (stretched(color) - mean) * contrast + mean + offset
        return turn_hue(color, angle) if angle else color

    def changed_view(view: View) -> View:
        return replace(view, color=changed(view.color).clamp(0.0, 1.0))

    color = torch.full_like(scene.color, GREY) if dropped else changed(scene.color)
    if config.noise > 0 and draw_event(config.noise_probability, generator):
        noise = torch.randn(color.shape, generator=generator, dtype=color.dtype, device=generator.device)
        color = color + config.noise * noise.to(color.device)
    scene = replace(scene, color=color.clamp(0.0, 1.0))
    if not config.views:
        return scene
    return replace(
        scene,
        views=tuple(changed_view(view) for view in scene.views),
        held_out_views=tuple(changed_view(view) for view in scene.held_out_views),
    )


def turn_hue(color: Float[Tensor, "*shape 3"], angle: float) -> Float[Tensor, "*shape 3"]:
    """Turn colours by ``angle`` (radians) about the grey axis: what is grey stays, a third of a turn makes red green.

    The sum of the channels does not change; vivid colours may leave [0, 1].
    """
    cosine, across = math.cos(angle), math.sin(angle) / math.sqrt(3.0)
    rest = (1.0 - cosine) / 3.0
    same, after, before = cosine + rest, rest - across, rest + across
    turn = color.new_tensor([[same, after, before], [before, same, after], [after, before, same]])
    return color @ turn.T
