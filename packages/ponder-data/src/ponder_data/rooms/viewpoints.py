"""Viewpoints: where the cameras of a room stand and what they look at."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from ponder_data.rooms.camera import Camera, look_at, pinhole
from ponder_data.rooms.primitives import inside_any
from ponder_data.rooms.raycast import cast
from ponder_data.rooms.room import Room

_CANDIDATES = 20
_ROUNDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewpoints:
    """The cameras of a room: those that make the cloud, and those kept for evaluation."""

    views: tuple[Camera, ...]
    held_out: tuple[Camera, ...]


def choose_viewpoints(
    rng: np.random.Generator,
    room: Room,
    surface: Float[np.ndarray, "points 3"],
    *,
    views: int,
    held_out: int,
    width: int,
    height: int,
) -> Viewpoints:
    """Place cameras in free space so that together they see most of the room.

    Each camera is the best of several random ones, by how many surface points it would see that few others do. Held-out
    cameras are random ones that look, by nine tenths, at what the first have covered.

    Args:
        rng: randomness.
        room: the room.
        surface: points on its surfaces, metres.
        views, held_out: how many cameras of each kind.
        width, height: of their images, pixels.
    """
    field_of_view = float(np.radians(rng.uniform(60.0, 75.0)))
    count = np.zeros(len(surface))
    chosen: list[Camera] = []
    for index in range(views + held_out):
        best: tuple[float, Camera, np.ndarray] | None = None
        for _ in range(_ROUNDS):
            for camera in _random_cameras(rng, room, surface, field_of_view, (width, height)):
                seen = _in_view(camera, surface)
                fresh = float((seen / (1.0 + count) ** 2).sum())
                known = float((seen & (count > 0)).sum() / max(1, seen.sum()))
                score = fresh if index < views else min(known, 0.9)
                if (best is None or score > best[0]) and _has_open_view(room, camera):
                    best = (score, camera, seen)
            if best is not None:
                break
        assert best is not None, "no camera found in free space"
        chosen.append(best[1])
        if index < views:
            count += best[2]
    return Viewpoints(views=tuple(chosen[:views]), held_out=tuple(chosen[views:]))


def _random_cameras(
    rng: np.random.Generator,
    room: Room,
    surface: Float[np.ndarray, "points 3"],
    field_of_view: float,
    size: tuple[int, int],
) -> list[Camera]:
    """Cameras 1 to 2 m above the floor in free space, looking at furniture or at surfaces below eye height."""
    half = 0.5 * np.array([room.width, room.depth]) - 0.3
    places = np.concatenate(
        [rng.uniform(-half, half, (_CANDIDATES, 2)), rng.uniform(1.0, 2.0, (_CANDIDATES, 1))], axis=1
    )
    places = places[~inside_any(room.primitives, places, 0.2)]
    low = surface[surface[:, 2] < 1.7]
    cameras: list[Camera] = []
    for place in places:
        targets = np.concatenate(
            [room.boxes.center, low[rng.integers(len(low), size=len(room.boxes.center))]]
        )
        flat = np.linalg.norm((targets - place)[:, :2], axis=1)
        targets = targets[flat > 1.2]
        if len(targets):
            target = targets[int(rng.integers(len(targets)))] + rng.normal(0.0, 0.15, 3)
            pose = look_at(place, target, float(rng.normal(0.0, 0.04)))
            cameras.append(pinhole(*size, field_of_view, pose))
    return cameras


def _in_view(camera: Camera, surface: Float[np.ndarray, "points 3"]) -> Bool[np.ndarray, " points"]:
    """Which points lie in the camera's field of view at a useful distance, whatever stands between."""
    local = (surface - camera.position) @ camera.camera_to_world[:3, :3]
    depth = np.maximum(local[:, 2], 1e-6)
    u = local[:, 0] / depth * camera.intrinsics[0, 0] + camera.intrinsics[0, 2]
    v = local[:, 1] / depth * camera.intrinsics[1, 1] + camera.intrinsics[1, 2]
    inside = (u > 0) & (u < camera.width - 1) & (v > 0) & (v < camera.height - 1)
    return inside & (local[:, 2] > 0.5) & (local[:, 2] < 5.0)


def _has_open_view(room: Room, camera: Camera) -> bool:
    """Whether nothing stands right before the camera: a look through a few rays."""
    small = pinhole(
        16, 12, 2.0 * float(np.arctan(0.5 * camera.width / camera.intrinsics[0, 0])), camera.camera_to_world
    )
    depth = cast(room.primitives, small).depth
    return bool(np.median(depth) > 1.2 and np.quantile(depth, 0.1) > 0.5)
