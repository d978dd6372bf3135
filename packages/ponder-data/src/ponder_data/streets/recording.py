"""The recording: what the rig measures of a street, keyframe by keyframe at 2 Hz, with sweeps between.

All sensors of a keyframe measure at the same moment. Every random number comes from (seed, split, street,
moment), so any keyframe can be made without those before it, and twice made it is the same.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8
from pydantic import BaseModel, ConfigDict, Field

from ponder_data.rooms.camera import Camera
from ponder_data.rooms.primitives import Primitives
from ponder_data.streets.daylight import Daylight, cast_shadows, sample_daylight
from ponder_data.streets.layout import lay_out
from ponder_data.streets.lidar import LidarConfig, Returns, scan
from ponder_data.streets.rig import LIDAR_TO_EGO, Mount, camera_rig
from ponder_data.streets.snapshot import take_snapshot
from ponder_data.streets.street import Actor, Street, is_boxed

KEYFRAME_STEP = 500_000
"""Microseconds between keyframes."""

_REACH = 88.0
_BOX_REACH = 75.0


class RecordingConfig(BaseModel):
    """What is recorded of each street."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keyframes: int = Field(default=8, ge=1, description="keyframes of each street, half a second apart")
    sweeps_per_keyframe: int = Field(
        default=1, ge=1, le=10, description="LiDAR turns in each half second; nuScenes has 10"
    )
    image_width: int = Field(default=200, ge=8)
    image_height: int = Field(default=112, ge=8)
    image_noise: float = Field(default=0.01, ge=0, description="standard deviation of the colour noise")
    lidar: LidarConfig = LidarConfig()

    @property
    def sweep_step(self) -> int:
        """Microseconds between LiDAR turns."""
        return KEYFRAME_STEP // self.sweeps_per_keyframe


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A picture of the rig: 8-bit RGB, true z-depth (m, 0 for the sky), raw lidarseg ids and instances."""

    mount: Mount
    color: UInt8[np.ndarray, "height width 3"]
    depth: Float[np.ndarray, "height width"]
    semantic: Int[np.ndarray, "height width"]
    instance: Int[np.ndarray, "height width"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorBox:
    """A box at one moment: which actor, and how many returns of the LiDAR it has."""

    instance: int
    actor: Actor
    lidar_points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """A street, its light and the rig that records it.

    Attributes:
        config: what is recorded.
        seed: of all noise.
        street, light: the world.
    """

    config: RecordingConfig
    seed: np.random.SeedSequence
    street: Street
    light: Daylight

    def lidar_pose(self, time: int) -> Float[np.ndarray, "4 4"]:
        """From the LiDAR's frame to the street's at ``time`` microseconds."""
        return self.ego_pose(time) @ LIDAR_TO_EGO

    def ego_pose(self, time: int) -> Float[np.ndarray, "4 4"]:
        """From the ego frame to the street's at ``time`` microseconds."""
        return self.street.ego.pose(1e-6 * time)

    def scan(self, time: int) -> Returns:
        """Turn the LiDAR once at ``time`` microseconds."""
        return scan(self._rng(time, 0), self.near(time), self.lidar_pose(time), self.config.lidar)

    def near(self, time: int) -> Primitives:
        """All that can be seen at ``time`` microseconds."""
        return self.street.primitives_at(1e-6 * time, _REACH)

    def mounts(self) -> tuple[Mount, ...]:
        """The six cameras of the rig, with the intrinsics of their pictures."""
        return camera_rig(self.config.image_width, self.config.image_height)

    def camera(self, mount: Mount, time: int) -> Camera:
        """A camera of the rig where it is at ``time`` microseconds."""
        return Camera(
            width=self.config.image_width,
            height=self.config.image_height,
            intrinsics=mount.intrinsics,
            camera_to_world=self.ego_pose(time) @ mount.camera_to_ego,
        )

    def photos(self, time: int) -> tuple[Photo, ...]:
        """Take the six pictures at ``time`` microseconds."""
        primitives, rng, config = self.near(time), self._rng(time, 1), self.config
        shadows = cast_shadows(self.light, primitives, self.ego_pose(time)[:3, 3])
        photos = []
        for mount in self.mounts():
            shot = take_snapshot(primitives, self.light, shadows, self.camera(mount, time))
            noise = config.image_noise * rng.standard_normal(shot.color.shape, dtype=np.float32)
            color = np.round(np.clip(shot.color + noise, 0.0, 1.0) * 255.0).astype(np.uint8)
            photos.append(
                Photo(
                    mount=mount, color=color, depth=shot.depth, semantic=shot.semantic, instance=shot.instance
                )
            )
        return tuple(photos)

    def boxes(self, time: int, returns: Returns) -> tuple[ActorBox, ...]:
        """The boxes within 75 m at ``time`` microseconds, given what the LiDAR measured then."""
        instance = returns.instance[returns.instance >= 0]
        points = np.bincount(instance, minlength=len(self.street.actors))
        here = self.ego_pose(time)[:2, 3]
        return tuple(
            ActorBox(instance=index, actor=actor, lidar_points=int(points[index]))
            for index, actor in enumerate(self.street.actors)
            if is_boxed(actor.thing) and np.linalg.norm(actor.box_center(1e-6 * time)[:2] - here) < _BOX_REACH
        )

    def sweep_times(self, keyframe: int, sweeps: int) -> tuple[int, ...]:
        """Times of at most ``sweeps`` LiDAR turns up to a keyframe, newest first, none before the recording."""
        last = keyframe * KEYFRAME_STEP
        count = min(sweeps, last // self.config.sweep_step + 1)
        return tuple(last - index * self.config.sweep_step for index in range(count))

    def _rng(self, time: int, sensor: int) -> np.random.Generator:
        seed = self.seed
        key = (*seed.spawn_key, 3, time, sensor)
        return np.random.default_rng(np.random.SeedSequence(entropy=seed.entropy, spawn_key=key))


def record_street(config: RecordingConfig, seed: np.random.SeedSequence) -> Recorder:
    """Draw a street and its light from ``seed`` and send the rig through it."""
    layout, light = (
        np.random.SeedSequence(entropy=seed.entropy, spawn_key=(*seed.spawn_key, part)) for part in (0, 1)
    )
    duration = 1e-6 * KEYFRAME_STEP * (config.keyframes - 1)
    return Recorder(
        config=config,
        seed=seed,
        street=lay_out(np.random.default_rng(layout), duration),
        light=sample_daylight(np.random.default_rng(light)),
    )
