"""The recording of a room: the room, its light, its cameras, and what imperfect sensors record from there."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ponder_data.rooms.camera import Camera
from ponder_data.rooms.depth_sensor import DepthSensorConfig, sense_depth
from ponder_data.rooms.layout import furnish
from ponder_data.rooms.lighting import Lighting, sample_lighting
from ponder_data.rooms.picture import Picture, take_picture
from ponder_data.rooms.room import Room
from ponder_data.rooms.viewpoints import Viewpoints, choose_viewpoints


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFrame:
    """One picture: the truth, and the noisy colours in [0, 1] and depth (m, 0 where missing) of the sensors."""

    camera: Camera
    truth: Picture
    color: Float[np.ndarray, "height width 3"]
    depth: Float[np.ndarray, "height width"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSet:
    """A room ready to be recorded; ``rng`` is of the sensors, and of what is drawn after them."""

    room: Room
    lighting: Lighting
    cameras: Viewpoints
    rng: np.random.Generator


def set_up_room(
    seed: np.random.SeedSequence, *, views: int, held_out: int, width: int, height: int
) -> RoomSet:
    """Furnish and light a room and place its cameras; their pictures are of ``width`` x ``height`` pixels."""
    layout_seed, light_seed, camera_seed, sensor_seed = seed.spawn(4)
    room = furnish(np.random.default_rng(layout_seed))
    lighting, probes = sample_lighting(
        np.random.default_rng(light_seed), room.primitives, room.width, room.depth, room.height
    )
    cameras = choose_viewpoints(
        np.random.default_rng(camera_seed),
        room,
        probes,
        views=views,
        held_out=held_out,
        width=width,
        height=height,
    )
    return RoomSet(room=room, lighting=lighting, cameras=cameras, rng=np.random.default_rng(sensor_seed))


def record_frames(
    room: RoomSet, depth_sensor: DepthSensorConfig, image_noise: float
) -> tuple[RecordedFrame, ...]:
    """Record what each camera but the held-out ones sees; draws from ``room.rng``, so only the first call counts."""
    frames = []
    for camera in room.cameras.views:
        truth = take_picture(room.room.primitives, room.lighting, camera)
        depth = sense_depth(room.rng, truth, depth_sensor)
        noise = image_noise * room.rng.standard_normal(truth.color.shape, dtype=np.float32)
        color = np.clip(truth.color + noise, 0.0, 1.0).astype(np.float32)
        frames.append(RecordedFrame(camera=camera, truth=truth, color=color, depth=depth))
    return tuple(frames)
