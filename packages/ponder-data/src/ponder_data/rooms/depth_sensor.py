"""The depth sensor: what a depth camera makes of the true depth."""

import numpy as np
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict, Field
from scipy.ndimage import gaussian_filter

from ponder_data.rooms.picture import Picture


class DepthSensorConfig(BaseModel):
    """Noise and holes of the depth camera.

    The standard deviation of the noise is ``noise_base + noise_growth * (z - 0.4)^2`` metres at z-depth
    ``z``, the form (and the default size) that is usual for structured-light cameras.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    noise_base: float = Field(default=0.0012, ge=0, description="metres")
    noise_growth: float = Field(default=0.0019, ge=0, description="1/metre")
    noise_blur: float = Field(
        default=0.6, ge=0, description="pixels over which noise is correlated; 0: not at all"
    )
    quantum: float = Field(
        default=0.001, ge=0, description="depth is rounded to this many metres; 0: not at all"
    )
    nearest: float = Field(default=0.3, ge=0, description="nothing closer is measured, metres")
    farthest: float = Field(default=7.0, gt=0, description="nothing farther is measured, metres")
    grazing_cosine: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="surfaces seen at a smaller cosine are measured the less the smaller it is",
    )
    edge_drop: float = Field(default=0.6, ge=0, le=1, description="share of pixels lost at depth edges")
    patches: float = Field(default=2.0, ge=0, description="mean number of lost patches in a picture")
    patch_size: float = Field(
        default=0.05, ge=0, description="mean radius of a lost patch, share of the image width"
    )
    random_drop: float = Field(default=0.01, ge=0, le=1, description="share of pixels lost anywhere")


def sense_depth(
    rng: np.random.Generator, picture: Picture, config: DepthSensorConfig
) -> Float[np.ndarray, "height width"]:
    """Noisy z-depth in metres (float32), 0 in the holes."""
    depth = picture.depth.astype(np.float64)
    noise = rng.standard_normal(depth.shape)
    if config.noise_blur > 0:
        noise = gaussian_filter(noise, config.noise_blur)
        noise /= noise.std()
    sensed = depth + noise * (config.noise_base + config.noise_growth * (depth - 0.4) ** 2)
    if config.quantum > 0:
        sensed = np.round(sensed / config.quantum) * config.quantum
    lost = (depth <= 0) | (sensed < config.nearest) | (sensed > config.farthest)
    lost |= rng.random(depth.shape) < config.random_drop
    lost |= rng.random(depth.shape) < 1.0 - picture.cosine / max(config.grazing_cosine, 1e-6)
    lost |= _depth_edges(depth) & (rng.random(depth.shape) < config.edge_drop)
    lost |= _lost_patches(rng, depth.shape, config)
    return np.where(lost, 0.0, sensed).astype(np.float32)


def _depth_edges(depth: Float[np.ndarray, "height width"]) -> Bool[np.ndarray, "height width"]:
    """Pixels beside a jump of more than 4 cm plus 3 % of the depth."""
    edge = np.zeros(depth.shape, dtype=bool)
    for axis in (0, 1):
        first = depth[:-1] if axis == 0 else depth[:, :-1]
        second = depth[1:] if axis == 0 else depth[:, 1:]
        jump = np.abs(second - first) > 0.04 + 0.03 * np.minimum(first, second)
        before = edge[:-1] if axis == 0 else edge[:, :-1]
        after = edge[1:] if axis == 0 else edge[:, 1:]
        before |= jump
        after |= jump
    return edge


def _lost_patches(
    rng: np.random.Generator, shape: tuple[int, ...], config: DepthSensorConfig
) -> Bool[np.ndarray, "height width"]:
    """Elliptic patches in random places, with ragged rims."""
    height, width = shape
    rows, columns = np.mgrid[:height, :width]
    ragged = gaussian_filter(rng.standard_normal((height, width)), 0.0125 * width)
    ragged = 1.0 + 0.35 * ragged / ragged.std()
    lost = np.zeros((height, width), dtype=bool)
    for _ in range(int(rng.poisson(config.patches))):
        radius = config.patch_size * width * rng.exponential(1.0, 2) + 1.0
        v, u = rng.uniform((0, 0), (height, width))
        lost |= ((rows - v) / radius[0]) ** 2 + ((columns - u) / radius[1]) ** 2 < ragged
    return lost
