"""Looks: the materials of a street, plausible in colour and coarse enough to be seen from a car."""

import numpy as np
from jaxtyping import Float

from ponder_data.rooms.materials import Material, Texture

_CAR_COLORS = (
    (0.85, 0.86, 0.87),
    (0.12, 0.12, 0.13),
    (0.45, 0.47, 0.5),
    (0.62, 0.08, 0.08),
    (0.1, 0.2, 0.5),
    (0.25, 0.33, 0.28),
    (0.75, 0.62, 0.25),
)
_WALL_COLORS = (
    (0.62, 0.58, 0.52),
    (0.55, 0.3, 0.22),
    (0.7, 0.66, 0.6),
    (0.42, 0.46, 0.52),
    (0.72, 0.55, 0.42),
    (0.5, 0.52, 0.48),
)

GLASS = Material(
    texture=Texture.PLAIN,
    color=np.array([0.1, 0.13, 0.16]),
    second_color=np.array([0.1, 0.13, 0.16]),
    period=1.0,
    direction=np.array([0.0, 0.0, 1.0]),
    offset=np.zeros(3),
)


def plain(color: tuple[float, float, float] | Float[np.ndarray, "3"]) -> Material:
    """One colour (albedo, RGB)."""
    value = np.clip(np.asarray(color, dtype=float), 0.0, 1.0)
    return patterned(Texture.PLAIN, value, value, 1.0)


def patterned(
    texture: Texture,
    color: tuple[float, float, float] | Float[np.ndarray, "3"],
    second_color: tuple[float, float, float] | Float[np.ndarray, "3"],
    period: float,
    direction: tuple[float, float, float] = (0.0, 0.0, 1.0),
    offset: Float[np.ndarray, "3"] | None = None,
) -> Material:
    """Two colours mixed by a pattern of the given period, metres."""
    return Material(
        texture=texture,
        color=np.clip(np.asarray(color, dtype=float), 0.0, 1.0),
        second_color=np.clip(np.asarray(second_color, dtype=float), 0.0, 1.0),
        period=period,
        direction=np.asarray(direction, dtype=float),
        offset=np.zeros(3) if offset is None else offset,
    )


TIRE = plain((0.05, 0.05, 0.05))
RIM = plain((0.5, 0.5, 0.52))
HEADLIGHT = plain((0.95, 0.95, 0.88))
TAILLIGHT = plain((0.7, 0.05, 0.04))
CHROME = plain((0.55, 0.56, 0.58))
ORANGE = plain((0.95, 0.35, 0.05))
WHITE = plain((0.9, 0.9, 0.9))
DARK_METAL = plain((0.2, 0.22, 0.22))


def asphalt(rng: np.random.Generator) -> Material:
    """The road: dark grey, blotched over metres."""
    tone = np.full(3, rng.uniform(0.2, 0.32))
    return patterned(Texture.CLOUDS, tone, 0.78 * tone, rng.uniform(1.5, 4.0))


def pavement(rng: np.random.Generator) -> Material:
    """The sidewalk: pale slabs."""
    tone = rng.uniform(0.5, 0.62)
    warm = np.array([1.0, 0.98, 0.94])
    return patterned(Texture.TILES, tone * warm, 0.75 * tone * warm, rng.uniform(0.7, 1.3))


def grass(rng: np.random.Generator) -> Material:
    """Lawn and soil."""
    green = np.array([0.25, 0.4, 0.13]) * rng.uniform(0.8, 1.2)
    return patterned(Texture.CLOUDS, green, (0.4, 0.36, 0.22), rng.uniform(1.0, 2.5))


def leaves(rng: np.random.Generator) -> Material:
    """The crown of a tree or a bush."""
    green = np.array([0.16, 0.33, 0.1]) * rng.uniform(0.7, 1.4) + rng.uniform(0.0, 0.05, 3)
    return patterned(
        Texture.CLOUDS, green, 0.45 * green, rng.uniform(0.25, 0.5), offset=rng.uniform(-9, 9, 3)
    )


def bark(rng: np.random.Generator) -> Material:
    """The trunk of a tree."""
    return plain(np.array([0.3, 0.24, 0.18]) * rng.uniform(0.7, 1.2))


def facade(rng: np.random.Generator) -> Material:
    """The outside of a house: storeys, panels or plaster."""
    color = np.array(_WALL_COLORS[rng.integers(len(_WALL_COLORS))]) * rng.uniform(0.8, 1.15)
    style = rng.choice(["storeys", "panels", "plaster"], p=[0.35, 0.4, 0.25])
    if style == "storeys":
        return patterned(Texture.STRIPES, color, (0.18, 0.22, 0.26), rng.uniform(2.8, 3.6))
    if style == "panels":
        return patterned(
            Texture.TILES, color, 0.35 * color, rng.uniform(1.4, 2.2), offset=rng.uniform(-9, 9, 3)
        )
    return patterned(Texture.CLOUDS, color, 0.8 * color, rng.uniform(2.0, 4.0))


def car_paint(rng: np.random.Generator) -> Material:
    """The body of a vehicle."""
    color = np.array(_CAR_COLORS[rng.integers(len(_CAR_COLORS))])
    return plain(color * rng.uniform(0.8, 1.1) + rng.uniform(0.0, 0.04, 3))


def cloth(rng: np.random.Generator) -> Material:
    """What people wear."""
    return plain(rng.uniform(0.05, 0.85, 3) * rng.uniform(0.5, 1.0))


def skin(rng: np.random.Generator) -> Material:
    """Faces and hands."""
    return plain(np.array([0.75, 0.55, 0.42]) * rng.uniform(0.4, 1.1))
