"""Colour jitter: hue, brightness and contrast of a whole scene, noise on each point, and colour that is missing."""

import math
from dataclasses import replace

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ponder_data.draws import draw_uniform
from ponder_data.scene import Scene, View

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
    hue: float = Field(
        default=0.0, ge=0, le=1, description="all hues turn together: uniform in +- this share of half a turn"
    )
    drop: float = Field(
        default=0.0, ge=0, le=1, description="share of the scenes whose points lose their colour altogether"
    )
    views: bool = Field(
        default=False,
        description="change the hue, brightness and contrast of pictures too; otherwise the encoder reads changed "
        "colours but must render the true ones, which teaches it to see through the change",
    )


def color_jitter(scene: Scene, config: ColorJitterConfig, generator: torch.Generator) -> Scene:
    """Return the scene with jittered colours, clamped to [0, 1]; its geometry does not change."""
    brightness = draw_uniform(-config.brightness, config.brightness, generator)
    contrast = draw_uniform(1.0 - config.contrast, 1.0 + config.contrast, generator)
    # Nothing is drawn for what is left out, so that it may be added without changing the rest.
    angle = math.pi * draw_uniform(-config.hue, config.hue, generator) if config.hue > 0 else 0.0
    dropped = config.drop > 0 and draw_uniform(0.0, 1.0, generator) < config.drop
    mean = scene.color.mean(dim=0) if len(scene) else scene.color.new_zeros(3)

    def changed(color: Tensor) -> Tensor:
        color = (color - mean) * contrast + mean + brightness
        return turn_hue(color, angle) if angle else color

    def changed_view(view: View) -> View:
        return replace(view, color=changed(view.color).clamp(0.0, 1.0))

    color = torch.full_like(scene.color, GREY) if dropped else changed(scene.color)
    if config.noise > 0:
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
