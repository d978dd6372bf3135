"""Light: ambient light, point lights with cast shadows, and the exposure of the camera.

Surfaces are Lambertian: radiance is reflectance times irradiance. At ``p`` with normal ``n`` the irradiance
is ``ambient (0.85 + 0.15 n_z) + sum_l color_l visible_l(p) max(0, n . d_l) / (1 + 0.15 r_l^2)``, where
``d_l`` is the direction and ``r_l`` the distance to light ``l``. The gentle fall-off stands for the light
that walls throw back.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ponder_data.rooms.materials import albedo
from ponder_data.rooms.primitives import Primitives, inside_any
from ponder_data.rooms.probes import FACE, FACE_DOWN, FACE_RIGHT, Probes, look_around, spread_probes
from ponder_data.rooms.raycast import Surface

_SHADOW_MARGIN = 0.04


@dataclass(frozen=True, slots=True, kw_only=True)
class PointLight:
    """A point light and what it sees.

    Attributes:
        position: metres.
        color: intensity, RGB.
        shadow_depth: z-depth of the nearest surface in the six pictures of a `Surround` at the light.
    """

    position: Float[np.ndarray, "3"]
    color: Float[np.ndarray, "3"]
    shadow_depth: Float[np.ndarray, " texels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lighting:
    """The light of one room; ``gain`` is exposure times white balance, RGB."""

    ambient: Float[np.ndarray, "3"]
    lights: tuple[PointLight, ...]
    gain: Float[np.ndarray, "3"]


def sample_lighting(
    rng: np.random.Generator, primitives: Primitives, width: float, depth: float, height: float
) -> tuple[Lighting, Probes]:
    """Draw the light of a room: two lamps, ambient light, white balance, and a camera's exposure.

    Args:
        rng: randomness.
        primitives: what stands in the room.
        width, depth, height: of the room, metres.

    Returns:
        The lighting, and points spread over the surfaces that the lamps shine on.
    """
    lights, surrounds = [], []
    for strength in (rng.uniform(0.7, 1.2), rng.uniform(0.2, 0.8)):
        position = _free_place(rng, primitives, (width, depth, height))
        surround = look_around(primitives, position)
        shadow_depth = np.concatenate([hits.depth for hits in surround.hits])
        color = (strength * rng.uniform(0.9, 1.1, 3)).astype(np.float32)
        lights.append(PointLight(position=position, color=color, shadow_depth=shadow_depth))
        surrounds.append(surround)
    ambient = (rng.uniform(0.45, 0.7) * rng.uniform(0.92, 1.08, 3)).astype(np.float32)
    unit = Lighting(ambient=ambient, lights=tuple(lights), gain=np.ones(3, dtype=np.float32))
    probes = spread_probes(primitives, surrounds)
    reflected = albedo(primitives.materials, probes.primitive, probes.surface.part_position)
    mean = float((reflected * irradiance(unit, probes.surface)).mean())
    balance = rng.uniform(0.92, 1.08, 3)
    gain = rng.uniform(0.38, 0.52) / mean * balance / balance.mean()
    return Lighting(ambient=ambient, lights=unit.lights, gain=gain.astype(np.float32)), probes


def _free_place(
    rng: np.random.Generator, primitives: Primitives, size: tuple[float, float, float]
) -> Float[np.ndarray, "3"]:
    """Somewhere below the ceiling and outside of everything."""
    places = rng.uniform(-0.35, 0.35, (16, 3)) * size
    places[:, 2] = size[2] - rng.uniform(0.3, 0.7, 16)
    free = ~inside_any(primitives, places, 0.1)
    return places[int(np.argmax(free))].astype(np.float32)


def irradiance(lighting: Lighting, surface: Surface) -> Float[np.ndarray, "points 3"]:
    """Light that falls on surface points, RGB, before exposure."""
    total = lighting.ambient * (0.85 + 0.15 * surface.normal[:, 2:])
    for light in lighting.lights:
        offset = light.position - surface.position
        squared = np.einsum("pi,pi->p", offset, offset)
        cosine = np.maximum(np.einsum("pi,pi->p", offset, surface.normal), 0.0) / np.sqrt(squared)
        lifted = surface.position + np.float32(_SHADOW_MARGIN) * surface.normal
        strength = visibility(light, lifted) * cosine / (1.0 + 0.15 * squared)
        total = total + strength[:, None] * light.color
    return total


def visibility(light: PointLight, position: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, " points"]:
    """How much of a light reaches points, in [0, 1]: four shadow tests around each, interpolated."""
    offset = position - light.position
    reach = np.abs(offset.T)
    depth = reach.max(axis=0)
    axis = np.where(reach[0] == depth, 0, np.where(reach[1] == depth, 1, 2))
    face = 2 * axis + (offset[np.arange(len(offset)), axis] < 0.0)
    scale = np.float32(0.5 * FACE) / depth
    limit = np.float32(0.5 * (FACE - 1))
    u = np.clip(np.einsum("pi,pi->p", offset, FACE_RIGHT[face]) * scale + limit, 0.0, 2 * limit - 1e-3)
    v = np.clip(np.einsum("pi,pi->p", offset, FACE_DOWN[face]) * scale + limit, 0.0, 2 * limit - 1e-3)
    column, row = u.astype(np.int64), v.astype(np.int64)
    right, down = u - column, v - row
    nearest = depth * 0.99 - 0.02
    start = (face * FACE + row) * FACE + column
    lit = [light.shadow_depth[start + shift] > nearest for shift in (0, 1, FACE, FACE + 1)]
    upper = lit[0] * (1.0 - right) + lit[1] * right
    lower = lit[2] * (1.0 - right) + lit[3] * right
    return (upper * (1.0 - down) + lower * down).astype(np.float32)


def expose(lighting: Lighting, radiance: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "points 3"]:
    """Radiance to picture values in [0, 1]: gain, then a soft shoulder above 0.8."""
    value = radiance * lighting.gain
    shoulder = 1.0 - 0.2 * np.exp(-np.maximum(value - 0.8, 0.0) / 0.2)
    return np.where(value > 0.8, shoulder, value).astype(np.float32)
