"""Probes: a look in all directions from one place, and points spread evenly over the surfaces seen."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ponder_data.rooms.camera import Camera, pinhole
from ponder_data.rooms.primitives import Primitives
from ponder_data.rooms.raycast import Hits, Surface, cast, surface_at

FACE = 96
"""Width and height of the pictures of a `Surround`, pixels."""

FACE_FORWARD = np.array(
    [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)], dtype=np.float32
)
"""Where the six cameras of a `Surround` look: face ``2 * axis`` along +axis, the next along -axis."""

FACE_RIGHT = np.array([(0, 1, 0), (0, -1, 0), (-1, 0, 0), (1, 0, 0), (1, 0, 0), (1, 0, 0)], dtype=np.float32)
FACE_DOWN = np.cross(FACE_FORWARD, FACE_RIGHT).astype(np.float32)

_STRIDE = 7
_CELL = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Surround:
    """Six 90 degree pictures around a place."""

    cameras: tuple[Camera, ...]
    hits: tuple[Hits, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """Points on the surfaces of a room, one per 20 cm cell, and the primitive that each belongs to."""

    surface: Surface
    primitive: Int[np.ndarray, " points"]


def look_around(primitives: Primitives, position: Float[np.ndarray, "3"]) -> Surround:
    """Cast rays from ``position`` (metres) in all directions."""
    cameras: list[Camera] = []
    for forward, right, down in zip(FACE_FORWARD, FACE_RIGHT, FACE_DOWN, strict=True):
        pose = np.eye(4)
        pose[:3, :3] = np.stack([right, down, forward], axis=1)
        pose[:3, 3] = position
        cameras.append(pinhole(FACE, FACE, 0.5 * np.pi, pose))
    return Surround(cameras=tuple(cameras), hits=tuple(cast(primitives, camera) for camera in cameras))


def spread_probes(primitives: Primitives, surrounds: list[Surround]) -> Probes:
    """Points that some ray of the surrounds has met, thinned until they cover the surfaces evenly."""
    positions, owners = [], []
    for surround in surrounds:
        for camera, hits in zip(surround.cameras, surround.hits, strict=True):
            chosen = np.arange(_STRIDE // 2, FACE * FACE, _STRIDE)
            chosen = chosen[hits.primitive[chosen] >= 0]
            v, u = np.divmod(chosen, FACE)
            k = camera.intrinsics
            ray = np.stack([(u - k[0, 2]) / k[0, 0], (v - k[1, 2]) / k[1, 1], np.ones(len(u))], axis=1)
            turn = camera.camera_to_world[:3, :3]
            positions.append(camera.position + (ray * hits.depth[chosen, None]) @ turn.T)
            owners.append(hits.primitive[chosen])
    position, primitive = np.concatenate(positions), np.concatenate(owners)
    cell = np.floor(position / _CELL).astype(np.int64)
    key = (cell[:, 0] * 4096 + cell[:, 1]) * 4096 + cell[:, 2]
    _, first = np.unique(key, return_index=True)
    surface = surface_at(primitives, primitive[first], position[first].astype(np.float32))
    return Probes(surface=surface, primitive=primitive[first])
