"""Synthetic rooms: seeded procedural indoor scenes with exact labels and imperfect sensors.

Every room is a pure function of (seed, split, index): size, furniture, textures, light, cameras and sensor
noise. Colours say nothing about the class (see `ponder_data.rooms.materials`), so what can be learned is
shape and surroundings. The cloud is what the depth cameras of the views see: noisy, with holes, thinned to
one point per cell.
"""

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from ponder_data.rooms.camera import Camera
from ponder_data.rooms.classes import ROOM_CLASSES, ROOM_PALETTE
from ponder_data.rooms.depth_sensor import DepthSensorConfig
from ponder_data.rooms.labelled_cloud import LabelledCloud, back_project, fuse
from ponder_data.rooms.picture import Picture, take_picture
from ponder_data.rooms.recording import RecordedFrame, record_frames, set_up_room
from ponder_data.rooms.room import Room
from ponder_data.scene import Boxes, Scene, View

__all__ = ["ROOM_CLASSES", "ROOM_PALETTE", "SyntheticRooms", "SyntheticRoomsConfig"]

_SPLIT_KEYS = {"train": 0, "val": 1}


class SyntheticRoomsConfig(BaseModel):
    """Which rooms, and how their cameras see them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["rooms"] = "rooms"
    split: Literal["train", "val"] = Field(
        default="train", description="the two splits never share a room, whatever the seeds and counts"
    )
    scenes: int = Field(default=32, ge=1, description="number of rooms")
    first: int = Field(default=0, ge=0, lt=2**31, description="index of the first room within the split")
    seed: int = Field(default=0, ge=0, lt=2**32)
    views: int = Field(default=8, ge=1, description="posed pictures, which also make the cloud")
    held_out_views: int = Field(
        default=2, ge=0, description="pictures that neither the cloud nor training sees"
    )
    image_width: int = Field(default=160, ge=8)
    image_height: int = Field(default=120, ge=8)
    max_points: int = Field(default=60_000, ge=2)
    voxel: float = Field(
        default=0.02, gt=0, description="the cloud keeps one point per cell of this size, metres"
    )
    image_noise: float = Field(
        default=0.01, ge=0, description="standard deviation of the colour noise of the views"
    )
    box_points: int = Field(
        default=20, ge=1, description="instances with fewer points in the cloud get no box"
    )
    depth_sensor: DepthSensorConfig = DepthSensorConfig()


class SyntheticRooms:
    """A sequence of synthetic rooms, made when asked for.

    ``views`` carry the noisy sensor depth with holes (0), ``held_out_views`` the true depth and clean
    colours, which is what evaluation compares with. Instance ids count the things of a room; floor, walls and
    ceiling have -1. ``Scene.boxes`` holds the things of which the cloud has at least ``box_points`` points.
    """

    name = "rooms"

    def __init__(self, config: SyntheticRoomsConfig) -> None:
        self.config = config

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, by id."""
        return ROOM_CLASSES

    def __len__(self) -> int:
        return self.config.scenes

    def __getitem__(self, index: int) -> Scene:
        """Make room ``index``: the same numbers every time.

        Raises:
            IndexError: when there is no such room.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"room {index} of {len(self)}: valid indices are 0 to {len(self) - 1}")
        number = self.config.first + index
        return make_room_scene(self.config, number)


def room_seed(config: SyntheticRoomsConfig, number: int) -> np.random.SeedSequence:
    """Where all randomness of room ``number`` comes from.

    The split is part of the sequence's spawn key, so a training room and a validation room never share a
    stream, whatever their seeds and numbers.
    """
    return np.random.SeedSequence(entropy=config.seed, spawn_key=(_SPLIT_KEYS[config.split], number))


def make_room_scene(config: SyntheticRoomsConfig, number: int) -> Scene:
    """Make room ``number`` of the split that ``config`` names."""
    setting = set_up_room(
        room_seed(config, number),
        views=config.views,
        held_out=config.held_out_views,
        width=config.image_width,
        height=config.image_height,
    )
    frames = record_frames(setting, config.depth_sensor, config.image_noise)
    cloud = fuse(setting.rng, [_cloud(frame) for frame in frames], config.voxel, config.max_points)
    held_out = [
        (camera, take_picture(setting.room.primitives, setting.lighting, camera))
        for camera in setting.cameras.held_out
    ]
    return Scene(
        name=f"rooms-{config.split}-{config.seed}-{number:05d}",
        dataset=SyntheticRooms.name,
        coord=torch.from_numpy(cloud.coord),
        color=torch.from_numpy(cloud.color),
        normal=torch.from_numpy(cloud.normal),
        semantic=torch.from_numpy(cloud.semantic),
        instance=torch.from_numpy(cloud.instance),
        boxes=_seen_boxes(setting.room, cloud, config.box_points),
        views=tuple(
            _view(f"view-{index}", frame.camera, frame.truth, frame.color, frame.depth)
            for index, frame in enumerate(frames)
        ),
        held_out_views=tuple(
            _view(f"held-out-{index}", camera, picture, picture.color, picture.depth)
            for index, (camera, picture) in enumerate(held_out)
        ),
        class_names=ROOM_CLASSES,
    )


def _cloud(frame: RecordedFrame) -> LabelledCloud:
    truth = frame.truth
    return back_project(frame.camera, frame.depth, frame.color, truth.semantic, truth.instance)


def _view(
    name: str,
    camera: Camera,
    picture: Picture,
    color: Float[np.ndarray, "height width 3"],
    depth: Float[np.ndarray, "height width"],
) -> View:
    return View(
        name=name,
        color=torch.from_numpy(color),
        depth=torch.from_numpy(depth),
        intrinsics=torch.from_numpy(camera.intrinsics.astype(np.float32)),
        camera_to_world=torch.from_numpy(camera.camera_to_world.astype(np.float32)),
        semantic=torch.from_numpy(picture.semantic),
        instance=torch.from_numpy(picture.instance),
        source="synthetic",
    )


def _seen_boxes(room: Room, cloud: LabelledCloud, least: int) -> Boxes:
    """Boxes of the instances that the cloud holds at least ``least`` points of."""
    instance = cloud.instance[cloud.instance >= 0]
    points = np.bincount(instance, minlength=len(room.boxes.label))
    (seen,) = np.nonzero(points >= least)
    label = np.array([int(label) for label in room.boxes.label], dtype=np.int64)
    return Boxes(
        center=torch.from_numpy(room.boxes.center[seen].astype(np.float32)),
        size=torch.from_numpy(room.boxes.size[seen].astype(np.float32)),
        heading=torch.from_numpy(room.boxes.heading[seen].astype(np.float32)),
        label=torch.from_numpy(label[seen]),
        instance=torch.from_numpy(seen.astype(np.int64)),
    )
