"""Viewpoints: where the cameras of a room stand and what they look at."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Bool, Float

from ponder_data.rooms.camera import Camera, look_at, pinhole
from ponder_data.rooms.classes import RoomClass
from ponder_data.rooms.primitives import inside_any
from ponder_data.rooms.probes import Probes
from ponder_data.rooms.raycast import cast
from ponder_data.rooms.room import Room

_CANDIDATES = 20
_ROUNDS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewpoints:
    """The cameras of a room: those that make the cloud, and those kept for evaluation."""

    views: tuple[Camera, ...]
    held_out: tuple[Camera, ...]


def choose_viewpoints(
    rng: np.random.Generator,
    room: Room,
    probes: Probes,
    *,
    views: int,
    held_out: int,
    width: int,
    height: int,
) -> Viewpoints:
    """Place cameras in free space so that together they see most of the room.

    Each camera is the best of several random ones, by how much it would see that few others do; furniture
    counts more than walls. Held-out cameras look, by nine tenths, at what the first have covered.

    Args:
        rng: randomness.
        room: the room.
        probes: points on its surfaces.
        views, held_out: how many cameras of each kind.
        width, height: of their images, pixels.

    Raises:
        ValueError: when the room has no free place for a camera.
    """
    field_of_view = float(np.radians(rng.uniform(60.0, 75.0)))
    surface = probes.surface.position
    weight = _importance(room, probes)
    count = np.zeros(len(surface))
    chosen: list[Camera] = []
    for index in range(views + held_out):
        judge = _novelty if index < views else _familiarity
        score = partial(judge, weight=weight, count=count)
        camera = _best_camera(rng, room, surface, field_of_view, (width, height), score)
        chosen.append(camera)
        if index < views:
            count = count + _in_view(camera, surface)
    return Viewpoints(views=tuple(chosen[:views]), held_out=tuple(chosen[views:]))


def _best_camera(
    rng: np.random.Generator,
    room: Room,
    surface: Float[np.ndarray, "points 3"],
    field_of_view: float,
    size: tuple[int, int],
    score: Callable[[Bool[np.ndarray, " points"]], float],
) -> Camera:
    """The best of some random cameras with an open view; where there is none, the demands go down."""
    for attempt in range(_ROUNDS):
        best: tuple[float, Camera] | None = None
        for camera in _random_cameras(rng, room, surface, field_of_view, size):
            value = score(_in_view(camera, surface))
            if (best is None or value > best[0]) and _has_open_view(room, camera, 0.8**attempt):
                best = (value, camera)
        if best is not None:
            return best[1]
    raise ValueError(
        f"no free place for a camera in a room of {room.width:.2f} x {room.depth:.2f} m with "
        f"{len(room.boxes.label)} pieces; leave more of its floor empty"
    )


def _random_cameras(
    rng: np.random.Generator,
    room: Room,
    surface: Float[np.ndarray, "points 3"],
    field_of_view: float,
    size: tuple[int, int],
) -> list[Camera]:
    """Cameras 1 to 2 m above the floor in free space, looking at furniture or surfaces below eye height."""
    half = 0.5 * np.array([room.width, room.depth]) - 0.3
    places = np.concatenate(
        [rng.uniform(-half, half, (_CANDIDATES, 2)), rng.uniform(1.0, 2.0, (_CANDIDATES, 1))], axis=1
    )
    places = places[~inside_any(room.primitives, places, 0.2)]
    low = surface[surface[:, 2] < 1.4]
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


def _novelty(
    seen: Bool[np.ndarray, " points"],
    weight: Float[np.ndarray, " points"],
    count: Float[np.ndarray, " points"],
) -> float:
    """How much a camera sees that few others do."""
    return float((seen * weight / (1.0 + count) ** 2).sum())


def _familiarity(
    seen: Bool[np.ndarray, " points"],
    weight: Float[np.ndarray, " points"],
    count: Float[np.ndarray, " points"],
) -> float:
    """The share of what a camera sees that others have seen (0.9 is enough), then how much it sees."""
    known = min(float((seen & (count > 0)).sum() / max(1, seen.sum())), 0.9)
    return known + 0.1 * float((seen * weight).sum() / weight.sum())


def _importance(room: Room, probes: Probes) -> Float[np.ndarray, " points"]:
    """How much each point matters to a camera: things most, the ceiling hardly."""
    semantic = room.primitives.semantic[probes.primitive]
    thing = room.primitives.instance[probes.primitive] >= 0
    return np.where(thing, 4.0, np.where(semantic == RoomClass.CEILING, 0.1, 1.0))


def _in_view(camera: Camera, surface: Float[np.ndarray, "points 3"]) -> Bool[np.ndarray, " points"]:
    """Which points lie in the camera's field of view at a useful distance, whatever stands between."""
    local = (surface - camera.position) @ camera.camera_to_world[:3, :3]
    depth = np.maximum(local[:, 2], 1e-6)
    u = local[:, 0] / depth * camera.intrinsics[0, 0] + camera.intrinsics[0, 2]
    v = local[:, 1] / depth * camera.intrinsics[1, 1] + camera.intrinsics[1, 2]
    inside = (u > 0) & (u < camera.width - 1) & (v > 0) & (v < camera.height - 1)
    return inside & (local[:, 2] > 0.5) & (local[:, 2] < 5.0)


def _has_open_view(room: Room, camera: Camera, demand: float) -> bool:
    """Whether nothing stands right before the camera: a look along a few rays."""
    small = pinhole(
        16, 12, 2.0 * float(np.arctan(0.5 * camera.width / camera.intrinsics[0, 0])), camera.camera_to_world
    )
    depth = cast(room.primitives, small).depth
    return bool(np.median(depth) > 1.2 * demand and np.quantile(depth, 0.1) > 0.5 * demand)
