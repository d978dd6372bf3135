"""Materials: procedural textures in object coordinates, with colours drawn alike for every class.

Nothing here knows what an object is. Every object draws its palette by the same `sample_palette`, so colour
says nothing about the class (beyond what light does to it) and a network has to look at shape and
surroundings.
"""

from dataclasses import dataclass
from enum import IntEnum
from itertools import product

import numpy as np
from jaxtyping import Float, Int

_PERIOD_RANGE = (0.07, 0.35)
_PRIMES = np.array([73856093, 19349663, 83492791])
_TEXTURE_ODDS = (0.34, 0.13, 0.08, 0.09, 0.16, 0.08, 0.12)


class Texture(IntEnum):
    """How a material mixes its two colours over space."""

    PLAIN = 0
    STRIPES = 1
    CHECKER = 2
    TILES = 3
    WOOD = 4
    SPECKLE = 5
    CLOUDS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Two colours and the pattern that mixes them.

    Attributes:
        texture: the pattern.
        color, second_color: reflectance (albedo) in [0, 1], RGB.
        period: length of the pattern in metres.
        direction: unit vector in object coordinates, across the stripes or along the grain's rings.
        offset: shift of the pattern in metres, which also seeds its noise.
    """

    texture: Texture
    color: Float[np.ndarray, "3"]
    second_color: Float[np.ndarray, "3"]
    period: float
    direction: Float[np.ndarray, "3"]
    offset: Float[np.ndarray, "3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The few materials one object is made of."""

    materials: tuple[Material, ...]

    def __getitem__(self, index: int) -> Material:
        return self.materials[index % len(self.materials)]


def sample_palette(rng: np.random.Generator, size: int = 4) -> Palette:
    """Draw the materials of one object: related hues, independent brightness, mixed textures."""
    hue = rng.random()
    spread = rng.choice([0.04, 0.12, 0.5])
    return Palette(materials=tuple(_sample_material(rng, hue, spread) for _ in range(size)))


def _sample_material(rng: np.random.Generator, hue: float, spread: float) -> Material:
    color = _hsv_to_rgb(hue + spread * rng.uniform(-1, 1), 0.75 * rng.beta(1.2, 1.8), rng.uniform(0.35, 0.95))
    other = _hsv_to_rgb(hue + spread * rng.uniform(-1, 1), 0.75 * rng.beta(1.2, 1.8), rng.uniform(0.35, 0.95))
    contrast = rng.uniform(0.2, 0.8)
    direction = np.eye(3)[rng.integers(3)] + 0.15 * rng.standard_normal(3) * (rng.random() < 0.5)
    return Material(
        texture=Texture(int(rng.choice(len(Texture), p=_TEXTURE_ODDS))),
        color=color,
        second_color=color + contrast * (other - color),
        period=float(np.exp(rng.uniform(*np.log(_PERIOD_RANGE)))),
        direction=direction / np.linalg.norm(direction),
        offset=rng.uniform(-10, 10, 3),
    )


def _hsv_to_rgb(hue: float, saturation: float, value: float) -> Float[np.ndarray, "3"]:
    phase = np.abs((hue + np.array([0.0, 2 / 3, 1 / 3])) % 1.0 * 6.0 - 3.0) - 1.0
    return value * (1.0 - saturation + saturation * np.clip(phase, 0.0, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialTable:
    """Materials of many primitives as arrays, one row each."""

    texture: Int[np.ndarray, " materials"]
    color: Float[np.ndarray, "materials 3"]
    second_color: Float[np.ndarray, "materials 3"]
    period: Float[np.ndarray, " materials"]
    direction: Float[np.ndarray, "materials 3"]
    offset: Float[np.ndarray, "materials 3"]


def stack_materials(materials: list[Material]) -> MaterialTable:
    """Turn a list of materials into arrays (float32)."""
    return MaterialTable(
        texture=np.array([material.texture for material in materials], dtype=np.int64),
        color=np.array([material.color for material in materials], dtype=np.float32),
        second_color=np.array([material.second_color for material in materials], dtype=np.float32),
        period=np.array([material.period for material in materials], dtype=np.float32),
        direction=np.array([material.direction for material in materials], dtype=np.float32),
        offset=np.array([material.offset for material in materials], dtype=np.float32),
    )


def albedo(
    table: MaterialTable, material: Int[np.ndarray, " points"], position: Float[np.ndarray, "points 3"]
) -> Float[np.ndarray, "points 3"]:
    """Reflectance at points, RGB in [0, 1].

    Args:
        table: the materials.
        material: row of ``table`` for each point.
        position: metres, in the coordinates of the object part that the point lies on.
    """
    texture = table.texture[material]
    mix = np.zeros(len(material), dtype=np.float32)
    patterns = {
        Texture.STRIPES: _stripes,
        Texture.CHECKER: _checker,
        Texture.TILES: _tiles,
        Texture.WOOD: _wood,
        Texture.SPECKLE: _speckle,
        Texture.CLOUDS: _clouds,
    }
    for kind, pattern in patterns.items():
        (rows,) = np.nonzero(texture == kind)
        if len(rows):
            chosen = material[rows]
            scaled = (position[rows] + table.offset[chosen]) / table.period[chosen, None]
            mix[rows] = pattern(scaled, table.direction[chosen])
    first = table.color[material]
    return first + mix[:, None] * (table.second_color[material] - first)


# A pattern takes positions in units of its period and a direction, and returns the second colour's share.


def _stripes(
    position: Float[np.ndarray, "points 3"], direction: Float[np.ndarray, "points 3"]
) -> Float[np.ndarray, " points"]:
    phase = np.einsum("ij,ij->i", position, direction) * np.float32(2 * np.pi)
    return np.clip(0.5 + 2.0 * np.sin(phase), 0.0, 1.0)


def _checker(
    position: Float[np.ndarray, "points 3"], direction: Float[np.ndarray, "points 3"]
) -> Float[np.ndarray, " points"]:
    return (np.floor(position).sum(axis=1) % 2.0).astype(np.float32)


def _tiles(
    position: Float[np.ndarray, "points 3"], direction: Float[np.ndarray, "points 3"]
) -> Float[np.ndarray, " points"]:
    inside = position * np.float32(0.7)
    cell = np.floor(inside)
    shade = _hash(cell.astype(np.int64)) * np.float32(0.5)
    edge = np.abs(inside - cell - 0.5).astype(np.float32)
    # On a flat face one coordinate is constant, and maybe near a joint everywhere: ask for two near a joint.
    joint = np.sort(edge, axis=1)[:, 1] > 0.46
    return np.where(joint, np.float32(1.0), shade)


def _wood(
    position: Float[np.ndarray, "points 3"], direction: Float[np.ndarray, "points 3"]
) -> Float[np.ndarray, " points"]:
    along = np.einsum("ij,ij->i", position, direction)
    warp = _value_noise(position * np.float32(0.6))
    return 0.5 + 0.5 * np.sin((along * np.float32(0.8) + 1.3 * warp) * np.float32(2 * np.pi))


def _speckle(
    position: Float[np.ndarray, "points 3"], direction: Float[np.ndarray, "points 3"]
) -> Float[np.ndarray, " points"]:
    return _hash(np.floor(position * np.float32(2.0)).astype(np.int64))


def _clouds(
    position: Float[np.ndarray, "points 3"], direction: Float[np.ndarray, "points 3"]
) -> Float[np.ndarray, " points"]:
    noise = _value_noise(position * np.float32(0.7))
    return np.clip(1.6 * noise - 0.3, 0.0, 1.0)


def _hash(cell: Int[np.ndarray, "points 3"]) -> Float[np.ndarray, " points"]:
    """A fixed pseudo-random number in [0, 1) for each integer cell."""
    mixed = cell * _PRIMES
    return _scramble(mixed[:, 0] ^ mixed[:, 1] ^ mixed[:, 2])


def _scramble(value: Int[np.ndarray, " points"]) -> Float[np.ndarray, " points"]:
    value = (value ^ (value >> 13)) * 1274126177
    value = (value ^ (value >> 16)) & 0xFFFF
    return value.astype(np.float32) * np.float32(1 / 65536)


def _value_noise(position: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, " points"]:
    """Smooth noise in [0, 1]: random values at integer points, interpolated with a smooth step."""
    floor = np.floor(position)
    fraction = position - floor
    after = fraction * fraction * (3.0 - 2.0 * fraction)
    # Rows: the lower and the upper neighbour along each axis, as hash keys and as weights.
    keys = np.stack([floor, floor + 1.0]).astype(np.int64) * _PRIMES
    weights = np.stack([1.0 - after, after])
    total = np.zeros(len(position), dtype=np.float32)
    for x, y, z in product((0, 1), repeat=3):
        value = _scramble(keys[x, :, 0] ^ keys[y, :, 1] ^ keys[z, :, 2])
        total += weights[x, :, 0] * weights[y, :, 1] * weights[z, :, 2] * value
    return total
