"""Colour jitter: brightness and contrast of a whole scene, and noise on each point."""

from dataclasses import replace

import torch
from pydantic import BaseModel, ConfigDict, Field

from ponder_data.draws import draw_uniform
from ponder_data.scene import Scene, View


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
    views: bool = Field(
        default=False,
        description="change the brightness and contrast of pictures too; otherwise the encoder reads changed "
        "colours but must render the true ones, which teaches it to see through the change",
    )


def color_jitter(scene: Scene, config: ColorJitterConfig, generator: torch.Generator) -> Scene:
    """Return the scene with jittered colours, clamped to [0, 1]; its geometry does not change."""
    brightness = draw_uniform(-config.brightness, config.brightness, generator)
    contrast = draw_uniform(1.0 - config.contrast, 1.0 + config.contrast, generator)
    mean = scene.color.mean(dim=0) if len(scene) else scene.color.new_zeros(3)

    def changed(color: torch.Tensor) -> torch.Tensor:
        return (color - mean) * contrast + mean + brightness

    def changed_view(view: View) -> View:
        return replace(view, color=changed(view.color).clamp(0.0, 1.0))

    color = changed(scene.color)
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
