"""Jitter: noise on every point, as a sensor adds it."""

from dataclasses import replace

import torch
from pydantic import BaseModel, ConfigDict, Field

from ponder_data.scene import Scene


class JitterConfig(BaseModel):
    """Noise on the points' coordinates. Off by default; indoor recipes use 0.005 m, clipped at 0.02 m."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    deviation: float = Field(default=0.0, ge=0, description="standard deviation along each axis, metres")
    limit: float = Field(default=0.02, gt=0, description="no point moves further along an axis, metres")


def jitter(scene: Scene, config: JitterConfig, generator: torch.Generator) -> Scene:
    """Return the scene with each coordinate moved by Gaussian noise, clipped at ``config.limit``.

    The noise is no motion that a camera could follow, so normals, boxes and views stay: pictures go on showing
    the place as it was, and a point at depth z still falls on its pixel up to ``focal length * sqrt(3) *
    limit / z`` pixels.
    """
    if config.deviation == 0.0:
        return scene
    coord = scene.coord
    noise = torch.randn(coord.shape, generator=generator, dtype=coord.dtype, device=generator.device)
    moved = (config.deviation * noise).clamp(-config.limit, config.limit)
    return replace(scene, coord=coord + moved.to(coord.device))
