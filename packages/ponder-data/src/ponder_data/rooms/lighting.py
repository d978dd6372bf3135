"""Light: ambient light, point lights with cast shadows, and the exposure of the camera.

Radiance of a surface with reflectance ``a``, normal ``n`` at ``p`` (Lambert):
``a * (ambient * (0.85 + 0.15 n_z) + sum_l color_l * visible_l(p) * max(0, n . d_l) / (0.6 + 0.3 |p_l - p|^2))``.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ponder_data.rooms.camera import pinhole
from ponder_data.rooms.materials import albedo
from ponder_data.rooms.primitives import Primitives, inside_any
from ponder_data.rooms.raycast import Surface, cast, surface_at

_FACE = 96
_SHADOW_MARGIN = 0.04
_FORWARD = np.array([(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)], dtype=np.float32)
_RIGHT = np.array([(0, 1, 0), (0, -1, 0), (-1, 0, 0), (1, 0, 0), (1, 0, 0), (1, 0, 0)], dtype=np.float32)
_DOWN = np.cross(_FORWARD, _RIGHT).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointLight:
    """A point light and what it sees.

    Attributes:
        position: metres.
        color: intensity, RGB.
        shadow_depth: z-depth of the nearest surface in the six 90 degree pictures around the light.
    """

    position: Float[np.ndarray, "3"]
    color: Float[np.ndarray, "3"]
    shadow_depth: Float[np.ndarray, "6 face face"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lighting:
    """The light of one room; ``gain`` is exposure times white balance, RGB."""

    ambient: Float[np.ndarray, "3"]
    lights: tuple[PointLight, ...]
    gain: Float[np.ndarray, "3"]


def sample_lighting(
    rng: np.random.Generator, primitives: Primitives, width: float, depth: float, height: float
) -> tuple[Lighting, Surface]:
    """Draw the light of a room, and set the exposure as a camera would.

    Returns:
        The lighting, and surface points all over the room (those the first light falls on).
    """
    first, surface, primitive = _sample_light(rng, primitives, (width, depth, height), rng.uniform(1.0, 1.8))
    second, _, _ = _sample_light(rng, primitives, (width, depth, height), rng.uniform(0.3, 1.0))
    ambient = rng.uniform(0.35, 0.6) * rng.uniform(0.92, 1.08, 3)
    unit = Lighting(
        ambient=ambient.astype(np.float32), lights=(first, second), gain=np.ones(3, dtype=np.float32)
    )
    seen = albedo(primitives.materials, primitive, surface.part_position) * irradiance(unit, surface)
    balance = rng.uniform(0.92, 1.08, 3)
    gain = rng.uniform(0.36, 0.52) / float(seen.mean()) * balance / balance.mean()
    return Lighting(ambient=unit.ambient, lights=unit.lights, gain=gain.astype(np.float32)), surface


def _sample_light(
    rng: np.random.Generator, primitives: Primitives, size: tuple[float, float, float], strength: float
) -> tuple[PointLight, Surface, np.ndarray]:
    spots = rng.uniform(-0.35, 0.35, (16, 3)) * size
    spots[:, 2] = size[2] - rng.uniform(0.15, 0.6, 16)
    free = ~inside_any(primitives, spots, 0.1)
    position = spots[int(np.argmax(free))].astype(np.float32)
    shadow_depth, surface, primitive = _look_around(primitives, position)
    color = (strength * rng.uniform(0.9, 1.1, 3)).astype(np.float32)
    return PointLight(position=position, color=color, shadow_depth=shadow_depth), surface, primitive


def _look_around(
    primitives: Primitives, position: Float[np.ndarray, "3"]
) -> tuple[Float[np.ndarray, "6 face face"], Surface, np.ndarray]:
    """The depth of the room in six directions from a light, and a sample of the surfaces seen."""
    depths, points, owners = [], [], []
    for forward, right, down in zip(_FORWARD, _RIGHT, _DOWN, strict=True):
        pose = np.eye(4)
        pose[:3, :3] = np.stack([right, down, forward], axis=1)
        pose[:3, 3] = position
        camera = pinhole(_FACE, _FACE, 0.5 * np.pi, pose)
        hits = cast(primitives, camera)
        depths.append(hits.depth.reshape(_FACE, _FACE))
        chosen = np.arange(3, _FACE * _FACE, 23)
        chosen = chosen[hits.primitive[chosen] >= 0]
        v, u = np.divmod(chosen, _FACE)
        focal, center = camera.intrinsics[0, 0], camera.intrinsics[0, 2]
        ray = forward + ((u - center) / focal)[:, None] * right + ((v - center) / focal)[:, None] * down
        points.append(position + ray * hits.depth[chosen, None])
        owners.append(hits.primitive[chosen])
    primitive = np.concatenate(owners)
    surface = surface_at(primitives, primitive, np.concatenate(points).astype(np.float32))
    return np.stack(depths), surface, primitive


def irradiance(lighting: Lighting, surface: Surface) -> Float[np.ndarray, "points 3"]:
    """Light that falls on surface points, RGB, before exposure."""
    total = lighting.ambient * (0.85 + 0.15 * surface.normal[:, 2:])
    for light in lighting.lights:
        offset = light.position - surface.position
        squared = (offset * offset).sum(axis=1)
        cosine = np.maximum((offset * surface.normal).sum(axis=1), 0.0) / np.sqrt(squared)
        lifted = surface.position + np.float32(_SHADOW_MARGIN) * surface.normal
        strength = visibility(light, lifted) * cosine / (0.6 + 0.3 * squared)
        total = total + strength[:, None] * light.color
    return total


def visibility(light: PointLight, position: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, " points"]:
    """How much of a light reaches points, in [0, 1]: shadow-map tests of the four nearest texels, interpolated."""
    offset = position - light.position
    axis = np.abs(offset).argmax(axis=1)
    face = 2 * axis + (np.take_along_axis(offset, axis[:, None], axis=1)[:, 0] < 0.0)
    depth = np.abs(offset).max(axis=1)
    scale = np.float32(0.5 * _FACE) / depth
    limit = np.float32(0.5 * (_FACE - 1))
    u = np.clip((offset * _RIGHT[face]).sum(axis=1) * scale + limit, 0.0, 2 * limit - 1e-3)
    v = np.clip((offset * _DOWN[face]).sum(axis=1) * scale + limit, 0.0, 2 * limit - 1e-3)
    column, row = u.astype(np.int64), v.astype(np.int64)
    right, down = u - column, v - row
    nearest = depth * 0.99 - 0.02
    maps = light.shadow_depth.reshape(-1)
    start = (face * _FACE + row) * _FACE + column
    lit = [maps[start + shift] > nearest for shift in (0, 1, _FACE, _FACE + 1)]
    upper = lit[0] * (1.0 - right) + lit[1] * right
    lower = lit[2] * (1.0 - right) + lit[3] * right
    return (upper * (1.0 - down) + lower * down).astype(np.float32)


def expose(lighting: Lighting, radiance: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "points 3"]:
    """Radiance to picture values in [0, 1]: gain, then a soft shoulder above 0.8."""
    value = radiance * lighting.gain
    shoulder = 1.0 - 0.2 * np.exp(-np.maximum(value - 0.8, 0.0) / 0.2)
    return np.where(value > 0.8, shoulder, value).astype(np.float32)
