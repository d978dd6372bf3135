"""The LiDAR: 32 beams that turn once around, cast against the solids of a street.

Rays form an image of ``beams`` rows and ``columns`` columns in azimuth and elevation. For each primitive, only
the rectangle that its bounding box may cover is tested.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field

from ponder_data.rooms.materials import albedo
from ponder_data.rooms.primitives import Primitives, corners
from ponder_data.rooms.raycast import Hits, closest_hits, surface_at


class LidarConfig(BaseModel):
    """The sensor, by default as nuScenes' 32-beam LiDAR, and its imperfections."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    beams: int = Field(default=32, ge=2)
    columns: int = Field(default=1084, ge=8, description="returns of a beam in a turn, at most")
    lowest: float = Field(default=-30.67, gt=-90, description="elevation of the lowest beam, degrees")
    highest: float = Field(default=10.67, lt=90, description="elevation of the highest beam, degrees")
    farthest: float = Field(default=85.0, gt=0, description="nothing farther returns, metres")
    range_noise: float = Field(default=0.02, ge=0, description="standard deviation of the range, metres")
    random_drop: float = Field(default=0.03, ge=0, le=1, description="share of returns lost anywhere")
    faint: float = Field(
        default=0.0006,
        ge=0,
        description="returns weaker than this (reflectance times cosine / range) may be lost",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Returns:
    """What one turn measures, beam by beam.

    Attributes:
        table: rows of a nuScenes sweep file: x, y, z (metres, LiDAR frame), intensity (0 to 255), ring; float32.
        semantic: raw lidarseg id of each.
        instance: instance of each, -1 where none.
    """

    table: Float[np.ndarray, "points 5"]
    semantic: Int[np.ndarray, " points"]
    instance: Int[np.ndarray, " points"]


def beam_directions(config: LidarConfig) -> Float[np.ndarray, "3 rays"]:
    """Unit directions in the LiDAR's frame, ring by ring from the lowest, azimuth growing from -pi; float32."""
    elevation = np.radians(np.linspace(config.lowest, config.highest, config.beams))[:, None]
    azimuth = (-np.pi + (np.arange(config.columns) + 0.5) * (2 * np.pi / config.columns))[None, :]
    rays = np.stack(
        np.broadcast_arrays(
            np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)
        )
    )
    return rays.reshape(3, -1).astype(np.float32)


def covered_beams(
    primitives: Primitives, lidar_to_world: Float[np.ndarray, "4 4"], config: LidarConfig
) -> tuple[Int[np.ndarray, " rectangles"], Int[np.ndarray, "rectangles 4"]]:
    """The rectangles of rays that each primitive may cover, and which primitive each is of.

    Bounds are of the axis-aligned box about each primitive in the LiDAR's frame: in azimuth those of its
    corners, or all around where the sensor lies over or under it; in elevation those of its lowest and highest
    height at its least or greatest horizontal distance. A rectangle over the seam at azimuth pi is cut in two.
    """
    turn = lidar_to_world[:3, :3].astype(np.float32)
    points = (corners(primitives) - lidar_to_world[:3, 3].astype(np.float32)) @ turn
    low, high = points.min(axis=1), points.max(axis=1)
    outside = np.maximum(np.maximum(low[:, :2], -high[:, :2]), 0.0)
    nearest = np.hypot(outside[:, 0], outside[:, 1])
    farthest = np.hypot(*np.maximum(np.abs(low[:, :2]), np.abs(high[:, :2])).T)
    row_low = np.arctan2(low[:, 2], np.where(low[:, 2] < 0, nearest, farthest))
    row_high = np.arctan2(high[:, 2], np.where(high[:, 2] > 0, nearest, farthest))
    step = (config.highest - config.lowest) / (config.beams - 1)
    first_row = np.ceil((np.degrees(row_low) - config.lowest) / step - 1e-2)
    last_row = np.floor((np.degrees(row_high) - config.lowest) / step + 1e-2)

    middle = 0.5 * (low + high)
    axis = np.arctan2(middle[:, 1], middle[:, 0])
    flat = np.stack([np.stack([x[:, 0], y[:, 1]], 1) for x in (low, high) for y in (low, high)], axis=1)
    away = np.arctan2(flat[..., 1], flat[..., 0]) - axis[:, None]
    away = (away + np.pi) % (2 * np.pi) - np.pi
    around = nearest <= 1e-6
    per_column = config.columns / (2 * np.pi)
    begin = np.floor((axis + away.min(axis=1) + np.pi) * per_column - 0.5 - 1e-2)
    end = np.ceil((axis + away.max(axis=1) + np.pi) * per_column - 0.5 + 1e-2) + 1
    begin, end = np.where(around, 0, begin), np.where(around, config.columns, end)

    rows = np.stack([np.clip(first_row, 0, config.beams), np.clip(last_row + 1, 0, config.beams)], axis=1)
    rows = np.where((rows[:, 1] > rows[:, 0])[:, None] & (nearest < config.farthest)[:, None], rows, 0)
    owner, rectangles = [], []
    for shift in (-config.columns, 0, config.columns):
        cut = np.clip(np.stack([begin + shift, end + shift], axis=1), 0, config.columns)
        (kept,) = np.nonzero((cut[:, 1] > cut[:, 0]) & (rows[:, 1] > rows[:, 0]))
        owner.append(kept)
        rectangles.append(np.concatenate([cut[kept], rows[kept]], axis=1).astype(np.int64))
    return np.concatenate(owner), np.concatenate(rectangles)


def cast_beams(primitives: Primitives, lidar_to_world: Float[np.ndarray, "4 4"], config: LidarConfig) -> Hits:
    """The closest primitive along each beam; depths are ranges in metres."""
    direction = lidar_to_world[:3, :3].astype(np.float32) @ beam_directions(config)
    owner, rectangles = covered_beams(primitives, lidar_to_world, config)
    return closest_hits(primitives, lidar_to_world[:3, 3], direction, config.columns, owner, rectangles)


def scan(
    rng: np.random.Generator,
    primitives: Primitives,
    lidar_to_world: Float[np.ndarray, "4 4"],
    config: LidarConfig,
) -> Returns:
    """What the LiDAR measures at one moment: noisy ranges, lost returns, intensity by reflectance and slant."""
    hits = cast_beams(primitives, lidar_to_world, config)
    (seen,) = np.nonzero(hits.depth < config.farthest)
    local = beam_directions(config)[:, seen]
    primitive, distance = hits.primitive[seen], hits.depth[seen]
    world = lidar_to_world[:3, :3].astype(np.float32) @ local
    position = lidar_to_world[:3, 3].astype(np.float32) + (world * distance).T
    surface = surface_at(primitives, primitive, position)
    cosine = np.abs(np.einsum("ip,pi->p", world, surface.normal))
    reflected = albedo(primitives.materials, primitive, surface.part_position).mean(axis=1) * cosine
    lost = rng.random(len(seen)) < config.random_drop
    if config.faint > 0:
        lost |= rng.random(len(seen)) > reflected / distance / config.faint
    kept = ~lost
    measured = distance + config.range_noise * rng.standard_normal(len(seen), dtype=np.float32)
    intensity = np.clip(np.round(100.0 * reflected * rng.uniform(0.8, 1.2, len(seen))), 0, 255)
    ring = seen // config.columns
    table = np.concatenate([(local * measured).T, intensity[:, None], ring[:, None]], axis=1)
    return Returns(
        table=table[kept].astype(np.float32),
        semantic=primitives.semantic[primitive[kept]],
        instance=primitives.instance[primitive[kept]],
    )
