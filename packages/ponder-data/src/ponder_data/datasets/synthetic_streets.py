"""Synthetic streets: seeded procedural streets as nuScenes' rig would record them, with exact labels.

Every street is a pure function of (seed, split, number): its roads, houses and trees, who drives and walks
there, the light, and every sensor's noise. Keyframes come at 2 Hz while the vehicle drives on. Scenes are in the
frame, the fields and the labels of `NuScenes`.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
from pydantic import Field

from ponder_data.datasets.nuscenes import sweep_of_table
from ponder_data.nuscenes.boxes import lidar_boxes
from ponder_data.nuscenes.classes import NUSCENES_CLASSES, RAW_CATEGORIES, lidarseg_labels
from ponder_data.nuscenes.keyframe import CameraImage, Keyframe, keyframe_scene
from ponder_data.nuscenes.poses import rigid_inverse
from ponder_data.nuscenes.tables import Annotation
from ponder_data.rooms.parts import turn_z
from ponder_data.scene import IGNORE_LABEL, Scene, check_scene
from ponder_data.streets.recording import (
    ActorBox,
    Photo,
    Recorder,
    RecordingConfig,
    record_street,
)

_SPLIT_KEYS = {"train": 0, "val": 1}


class SyntheticStreetsConfig(RecordingConfig):
    """Which streets, how they are recorded, and what a scene holds of it."""

    kind: Literal["streets"] = "streets"
    split: Literal["train", "val"] = Field(
        default="train", description="the two splits never share a street, whatever the seeds and counts"
    )
    scenes: int = Field(default=8, ge=1, description="number of streets; each gives `keyframes` scenes")
    first: int = Field(default=0, ge=0, lt=2**31, description="number of the first street within the split")
    seed: int = Field(default=0, ge=0, lt=2**32)
    sweeps: int = Field(
        default=1, ge=1, description="LiDAR turns joined in each cloud, the keyframe's own among them"
    )
    depth: Literal["lidar", "rendered"] = Field(
        default="lidar",
        description="depth of the views: of the LiDAR's points that fall into them, or the true one of all pixels",
    )
    min_distance: float = Field(
        default=1.0, ge=0, description="points nearer than this in x and in y are dropped, metres"
    )
    least_box_points: int = Field(default=1, ge=0, description="boxes with fewer LiDAR returns are dropped")
    normal_neighbours: int = Field(
        default=0, ge=0, description="nearest points that normals are estimated from; 0: normals are zero"
    )


class SyntheticStreets:
    """The keyframes of synthetic streets, made when asked for: street 0's in the order of time, then street 1's.

    Instance ids of points and boxes number the actors of a street, the same in all its keyframes; ground, houses,
    trees and poles have -1. Velocities are the true ones. Views carry the true labels of their pixels.
    """

    name = "streets"

    def __init__(self, config: SyntheticStreetsConfig) -> None:
        self.config = config
        # Laying out a street costs more than one keyframe's LiDAR; its keyframes mostly come in a row.
        self._recorder = lru_cache(maxsize=4)(self._record)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, by id."""
        return NUSCENES_CLASSES

    def __len__(self) -> int:
        return self.config.scenes * self.config.keyframes

    def __getitem__(self, index: int) -> Scene:
        """Make keyframe ``index``: the same numbers every time.

        Raises:
            IndexError: when there is no such keyframe.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"keyframe {index} of {len(self)}: valid indices are 0 to {len(self) - 1}")
        street, keyframe = divmod(index, self.config.keyframes)
        return check_scene(make_street_scene(self.config, self.recorder(street), street, keyframe))

    def recorder(self, street: int) -> Recorder:
        """Return the recording of the street at position ``street`` of this data set."""
        return self._recorder(street)

    def _record(self, street: int) -> Recorder:
        return record_street(self.config, street_seed(self.config, self.config.first + street))

    def __getstate__(self) -> SyntheticStreetsConfig:
        return self.config

    def __setstate__(self, config: SyntheticStreetsConfig) -> None:
        self.__init__(config)


def street_seed(config: SyntheticStreetsConfig, number: int) -> np.random.SeedSequence:
    """Where all randomness of street ``number`` comes from; the split is part of the sequence's spawn key."""
    return np.random.SeedSequence(entropy=config.seed, spawn_key=(_SPLIT_KEYS[config.split], number))


def street_name(config: SyntheticStreetsConfig, street: int) -> str:
    """Return the name of a street, unique over seeds, splits and numbers."""
    return f"streets-{config.split}-{config.seed}-{config.first + street:05d}"


def make_street_scene(
    config: SyntheticStreetsConfig, recorder: Recorder, street: int, keyframe: int
) -> Scene:
    """Return one keyframe of a recording as a scene in the LiDAR's frame."""
    times = recorder.sweep_times(keyframe, config.sweeps)
    returns = [recorder.scan(time) for time in times]
    lidar = recorder.lidar_pose(times[0])
    to_lidar = rigid_inverse(lidar)
    sweeps = [
        sweep_of_table(
            measured.table,
            1e-6 * (times[0] - time),
            np.eye(4) if time == times[0] else to_lidar @ recorder.lidar_pose(time),
        )
        for time, measured in zip(times, returns, strict=True)
    ]
    ego = recorder.ego_pose(times[0])
    annotations = [annotation(box, times[0]) for box in recorder.boxes(times[0], returns[0])]
    frame = Keyframe(
        name=f"{street_name(config, street)}/{keyframe:03d}",
        dataset=SyntheticStreets.name,
        sweeps=tuple(sweeps),
        images=tuple(_image(config, photo, to_lidar @ ego) for photo in recorder.photos(times[0])),
        boxes=lidar_boxes(annotations, lidar, config.least_box_points),
        semantic=lidarseg_labels(returns[0].semantic.astype(np.uint8)),
        instance=returns[0].instance,
        source="synthetic",
    )
    return keyframe_scene(frame, min_distance=config.min_distance, normal_neighbours=config.normal_neighbours)


def annotation(box: ActorBox, time: int) -> Annotation:
    """Return an actor's box at ``time`` microseconds as nuScenes would annotate it, in the street's frame."""
    actor = box.actor
    return Annotation(
        token="",
        instance=f"{box.instance:015x}",
        category=actor.thing.category,
        attribute=actor.attribute,
        center=actor.box_center(1e-6 * time),
        size=actor.box_size()[[1, 0, 2]],
        rotation=turn_z(actor.heading),
        velocity=actor.velocity,
        lidar_points=box.lidar_points,
        radar_points=0,
    )


def _image(config: SyntheticStreetsConfig, photo: Photo, ego_to_lidar: np.ndarray) -> CameraImage:
    # Raw ids and the sky's -1: the last entry of the table is what -1 finds.
    labels = np.append(lidarseg_labels(np.arange(len(RAW_CATEGORIES), dtype=np.uint8)), IGNORE_LABEL)
    return CameraImage(
        channel=photo.mount.channel,
        color=photo.color,
        intrinsics=photo.mount.intrinsics,
        camera_to_lidar=ego_to_lidar @ photo.mount.camera_to_ego,
        depth=photo.depth if config.depth == "rendered" else None,
        semantic=labels[photo.semantic],
    )
