"""Daylight: a sun with cast shadows, a sky, and haze.

Surfaces are Lambertian: radiance is reflectance times ``sky (0.6 + 0.4 n_z) + sun visible(p) max(0, n . s)``
with ``s`` the direction to the sun, blended with the colour of the horizon by ``1 - exp(-d / haze)`` at distance
``d``.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ponder_data.rooms.camera import Camera, look_at, pinhole
from ponder_data.rooms.primitives import Primitives
from ponder_data.rooms.raycast import Surface, cast

_SHADOW_PIXELS = 320
_SHADOW_REACH = 42.0
_SUN_DISTANCE = 400.0
_SHADOW_BIAS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Daylight:
    """The light of one street.

    Attributes:
        direction: unit vector to the sun.
        sun, sky: irradiance, RGB.
        zenith, horizon: colours of the sky as seen, in [0, 1].
        haze: distance in metres at which 63 % of a colour is the horizon's.
    """

    direction: Float[np.ndarray, "3"]
    sun: Float[np.ndarray, "3"]
    sky: Float[np.ndarray, "3"]
    zenith: Float[np.ndarray, "3"]
    horizon: Float[np.ndarray, "3"]
    haze: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadows:
    """What the sun sees around a place: a picture taken from far away towards it."""

    camera: Camera
    depth: Float[np.ndarray, " texels"]


def sample_daylight(rng: np.random.Generator) -> Daylight:
    """Draw a time of day and weather: from a clear noon to a cloudy evening."""
    azimuth, elevation = rng.uniform(0, 2 * np.pi), rng.uniform(np.radians(25), np.radians(65))
    clouds = rng.random()
    warm = np.array([1.0, 0.95, 0.86])
    blue, grey = np.array([0.32, 0.52, 0.86]), np.array([0.68, 0.71, 0.75])
    strength = rng.uniform(0.85, 1.1)
    return Daylight(
        direction=np.array(
            [np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)]
        ),
        sun=strength * (1.25 - 0.95 * clouds) * warm,
        sky=strength * (0.5 + 0.35 * clouds) * np.array([0.93, 0.98, 1.08]),
        zenith=blue + clouds * (grey - blue),
        horizon=np.array([0.8, 0.85, 0.9]) * (1.0 - 0.1 * clouds),
        haze=float(rng.uniform(200.0, 600.0)),
    )


def cast_shadows(light: Daylight, primitives: Primitives, place: Float[np.ndarray, "3"]) -> Shadows:
    """Look at ``place`` (metres) from the sun; shadows are known within 42 m of it."""
    camera = pinhole(
        _SHADOW_PIXELS,
        _SHADOW_PIXELS,
        2.0 * float(np.arctan(_SHADOW_REACH / _SUN_DISTANCE)),
        look_at(place + _SUN_DISTANCE * light.direction, place),
    )
    return Shadows(camera=camera, depth=cast(primitives, camera).depth)


def sunlit(shadows: Shadows, position: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, " points"]:
    """How much of the sun reaches points, in [0, 1]: four shadow tests around each, interpolated; 1 far away."""
    camera = shadows.camera
    local = (position - camera.position) @ camera.camera_to_world[:3, :3]
    k = camera.intrinsics
    limit = _SHADOW_PIXELS - 1
    u = local[:, 0] / local[:, 2] * k[0, 0] + k[0, 2]
    v = local[:, 1] / local[:, 2] * k[1, 1] + k[1, 2]
    inside = (u >= 0) & (u < limit) & (v >= 0) & (v < limit)
    u, v = np.where(inside, u, 0.0), np.where(inside, v, 0.0)
    column, row = u.astype(np.int64), v.astype(np.int64)
    right, down = u - column, v - row
    start = row * _SHADOW_PIXELS + column
    lit = [
        shadows.depth[start + shift] > local[:, 2] - _SHADOW_BIAS
        for shift in (0, 1, _SHADOW_PIXELS, _SHADOW_PIXELS + 1)
    ]
    upper = lit[0] * (1.0 - right) + lit[1] * right
    lower = lit[2] * (1.0 - right) + lit[3] * right
    return np.where(inside, upper * (1.0 - down) + lower * down, 1.0).astype(np.float32)


def shade(
    light: Daylight,
    shadows: Shadows,
    surface: Surface,
    reflectance: Float[np.ndarray, "points 3"],
    distance: Float[np.ndarray, " points"],
) -> Float[np.ndarray, "points 3"]:
    """Colour of surface points as a camera at ``distance`` metres sees them, in [0, 1]."""
    facing = np.maximum(surface.normal @ light.direction, 0.0)
    # Points are tested a little off their surface, so that no surface shades itself.
    lifted = surface.position + np.float32(0.1) * surface.normal
    direct = (facing * sunlit(shadows, lifted))[:, None] * light.sun
    radiance = reflectance * (light.sky * (0.6 + 0.4 * surface.normal[:, 2:]) + direct)
    clear = np.exp(-distance / light.haze)[:, None]
    value = radiance * clear + light.horizon * (1.0 - clear)
    # Cameras store about the square root of radiance, with a soft shoulder towards white.
    value = np.sqrt(np.maximum(value, 0.0)) * 0.88
    return np.where(value > 0.8, 1.0 - 0.2 * np.exp(-np.maximum(value - 0.8, 0.0) / 0.2), value)


def sky_color(light: Daylight, direction: Float[np.ndarray, "rays 3"]) -> Float[np.ndarray, "rays 3"]:
    """Colour of the sky along directions of any length, in [0, 1]."""
    height = np.clip(direction[:, 2] / np.linalg.norm(direction, axis=1), 0.0, 1.0)
    share = (1.0 - np.exp(-4.0 * height))[:, None]
    toward = np.clip(direction @ light.direction / np.linalg.norm(direction, axis=1), 0.0, 1.0)[:, None]
    return np.clip(
        light.horizon + share * (light.zenith - light.horizon) + 0.25 * toward**40 * light.sun, 0.0, 1.0
    )
