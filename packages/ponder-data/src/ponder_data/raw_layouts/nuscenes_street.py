"""One street as rows and files of nuScenes: its log, map, scene, keyframes, sweeps, pictures and boxes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ponder_data.nuscenes.origin import SYNTHETIC_VEHICLE
from ponder_data.nuscenes.poses import quaternion_of
from ponder_data.nuscenes.tables import LIDAR
from ponder_data.raw_layouts.nuscenes_map import StreetMap, draw_map
from ponder_data.raw_layouts.nuscenes_rows import VISIBILITY_BOUNDS, NuScenesRows, chain, token
from ponder_data.rooms.parts import turn_z
from ponder_data.streets.lidar import Returns
from ponder_data.streets.recording import KEYFRAME_STEP, ActorBox, Photo, Recorder
from ponder_data.streets.rig import LIDAR_TO_EGO
from ponder_data.streets.visibility import visible_shares

FIRST_TIME = 1_735_689_600_000_000
"""Microseconds since 1970 at which the first street begins: midnight of 1 January 2025."""

TIME_BETWEEN_STREETS = 3_600_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetPlace:
    """Where one street goes.

    Attributes:
        root: of the data set.
        version: folder of the tables.
        scene: its official-looking name, which decides its split.
        street: its own name, unique over seeds and splits.
        start: time of its first keyframe, microseconds.
        jpeg_quality: of the pictures.
    """

    root: Path
    version: str
    scene: str
    street: str
    start: int
    jpeg_quality: int


@dataclass(slots=True, kw_only=True)
class StreetWriter:
    """Writes the files of one street as they are made, and adds what they are to the tables."""

    rows: NuScenesRows
    place: StreetPlace
    recorder: Recorder
    _map: StreetMap = field(init=False)
    # Rows to be chained: the files of each sensor, and the boxes of each actor.
    _files: dict[str, list[dict[str, Any]]] = field(init=False, default_factory=dict)
    _boxes: dict[int, list[dict[str, Any]]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._map = draw_map(self.recorder.street)

    def write(self) -> int:
        """Write the street and return how many boxes it has in all keyframes."""
        keyframes = self.recorder.config.keyframes
        samples = [self._keyframe(number) for number in range(keyframes)]
        chain(samples)
        self.rows.add(
            "scene",
            self._token("scene"),
            log_token=self._log(),
            nbr_samples=keyframes,
            name=self.place.scene,
            description=f"Synthetic street {self.place.street} of Ponder",
            first_sample_token=samples[0]["token"],
            last_sample_token=samples[-1]["token"],
        )
        for files in self._files.values():
            chain(files)
        for actor, boxes in self._boxes.items():
            chain(boxes)
            self._instance(actor, boxes)
        return sum(len(boxes) for boxes in self._boxes.values())

    def _keyframe(self, number: int) -> dict[str, Any]:
        time = number * KEYFRAME_STEP
        sample = self._token("sample", number)
        row = self.rows.add(
            "sample", sample, timestamp=self.place.start + time, scene_token=self._token("scene")
        )
        step = self.recorder.config.sweep_step
        # The sweeps since the keyframe before; the recording begins with the first keyframe.
        since = self.recorder.config.sweeps_per_keyframe if number else 1
        for moment in (time - index * step for index in reversed(range(1, since))):
            self._lidar(moment, sample, keyframe=False)
        returns = self._lidar(time, sample, keyframe=True)
        photos = self.recorder.photos(time)
        for photo in photos:
            self._picture(photo, time, sample)
        shares = visible_shares(self.recorder, time, photos)
        for box in self.recorder.boxes(time, returns):
            self._annotation(box, time, sample, float(shares[box.instance]))
        return row

    def _lidar(self, time: int, sample: str, *, keyframe: bool) -> Returns:
        returns = self.recorder.scan(time)
        row = self._record(LIDAR, time, sample, keyframe, "pcd", ".pcd.bin", (0, 0))
        returns.table.astype("<f4").tofile(self.place.root / row["filename"])
        if keyframe:
            file = f"lidarseg/{self.place.version}/{row['token']}_lidarseg.bin"
            path = self.place.root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            returns.semantic.astype(np.uint8).tofile(path)
            self.rows.add("lidarseg", row["token"], sample_data_token=row["token"], filename=file)
        return returns

    def _picture(self, photo: Photo, time: int, sample: str) -> None:
        size = photo.color.shape[:2]
        row = self._record(photo.mount.channel, time, sample, True, "jpg", ".jpg", size)
        Image.fromarray(photo.color).save(
            self.place.root / row["filename"], quality=self.place.jpeg_quality, subsampling=0
        )

    def _record(
        self,
        channel: str,
        time: int,
        sample: str,
        keyframe: bool,
        fileformat: str,
        suffix: str,
        size: tuple[int, ...],
    ) -> dict[str, Any]:
        """Add a file of a sensor and the vehicle's pose at that time; return the row of the file."""
        stamp = self.place.start + time
        folder = Path("samples" if keyframe else "sweeps") / channel
        (self.place.root / folder).mkdir(parents=True, exist_ok=True)
        key = self._token(channel, time)
        pose = self.recorder.ego_pose(time)
        self.rows.add(
            "ego_pose",
            key,
            timestamp=stamp,
            rotation=quaternion_of(pose[:3, :3]).tolist(),
            translation=(pose[:3, 3] + self._map.shift).tolist(),
        )
        row = self.rows.add(
            "sample_data",
            key,
            sample_token=sample,
            ego_pose_token=key,
            calibrated_sensor_token=token("calibrated_sensor", channel),
            timestamp=stamp,
            fileformat=fileformat,
            is_key_frame=keyframe,
            height=size[0],
            width=size[1],
            filename=(folder / f"{self.place.street}__{channel}__{stamp}{suffix}").as_posix(),
        )
        self._files.setdefault(channel, []).append(row)
        return row

    def _annotation(self, box: ActorBox, time: int, sample: str, share: float) -> None:
        actor = box.actor
        level = 1 + sum(share >= bound for bound in VISIBILITY_BOUNDS)
        row = self.rows.add(
            "sample_annotation",
            self._token("annotation", box.instance, time),
            sample_token=sample,
            instance_token=self._token("instance", box.instance),
            visibility_token=str(level),
            attribute_tokens=[] if actor.attribute is None else [token("attribute", actor.attribute)],
            translation=(actor.box_center(1e-6 * time) + self._map.shift).tolist(),
            size=actor.box_size()[[1, 0, 2]].tolist(),  # the table has width, length, height
            rotation=quaternion_of(turn_z(actor.heading)).tolist(),
            num_lidar_pts=box.lidar_points,
            num_radar_pts=0,
        )
        self._boxes.setdefault(box.instance, []).append(row)

    def _instance(self, actor: int, boxes: list[dict[str, Any]]) -> None:
        self.rows.add(
            "instance",
            boxes[0]["instance_token"],
            category_token=token("category", self.recorder.street.actors[actor].thing.category),
            nbr_annotations=len(boxes),
            first_annotation_token=boxes[0]["token"],
            last_annotation_token=boxes[-1]["token"],
        )

    def _log(self) -> str:
        log = self._token("log")
        self.rows.add(
            "log",
            log,
            logfile=self.place.street,
            vehicle=SYNTHETIC_VEHICLE,
            date_captured="2025-01-01",
            location=SYNTHETIC_VEHICLE,
        )
        key = self._token("map")
        file = f"maps/{key}.png"
        (self.place.root / "maps").mkdir(exist_ok=True)
        Image.fromarray(self._map.mask).save(self.place.root / file)
        self.rows.add("map", key, log_tokens=[log], category="semantic_prior", filename=file)
        return log

    def _token(self, *key: object) -> str:
        return token(self.place.street, *key)


def add_rig(rows: NuScenesRows, recorder: Recorder) -> None:
    """Add the calibration of the seven sensors, which is the same on all streets."""
    mounts = {LIDAR: (LIDAR_TO_EGO, [])}
    for mount in recorder.mounts():
        mounts[mount.channel] = (mount.camera_to_ego, mount.intrinsics.tolist())
    for channel, (pose, intrinsics) in mounts.items():
        rows.add(
            "calibrated_sensor",
            token("calibrated_sensor", channel),
            sensor_token=token("sensor", channel),
            translation=pose[:3, 3].tolist(),
            rotation=quaternion_of(pose[:3, :3]).tolist(),
            camera_intrinsic=intrinsics,
        )
