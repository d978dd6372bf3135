"""The tables of nuScenes v1.0, read from their JSON files and joined to one record per keyframe.

Layout: ``ROOT/VERSION/*.json`` are the tables, each a list of records that refer to each other by token;
``ROOT/samples``, ``ROOT/sweeps`` and ``ROOT/lidarseg`` hold the files that they name. Only what keyframes need
is kept: the LiDAR's chain of sweeps, the cameras at the keyframes, and the annotations.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ponder_data.nuscenes.poses import rigid, rotation_matrix

LIDAR = "LIDAR_TOP"
CAMERAS = ("CAM_FRONT", "CAM_FRONT_RIGHT", "CAM_BACK_RIGHT", "CAM_BACK", "CAM_BACK_LEFT", "CAM_FRONT_LEFT")
"""The six cameras, clockwise seen from above."""

VELOCITY_TIME = 1.5
"""Velocities are not estimated over more than this many seconds (twice that with both neighbours)."""

# One row of a table: which keys it has depends on the table, and every value is read where it is used.
Record = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One file of one sensor.

    Attributes:
        token: of its ``sample_data`` record.
        channel: the sensor, such as ``CAM_FRONT``.
        file: relative to the root.
        timestamp: microseconds.
        sensor_to_ego, ego_to_global: poses at that time, float64.
        intrinsics: of a camera at full size, else None.
    """

    token: str
    channel: str
    file: str
    timestamp: int
    sensor_to_ego: Float[np.ndarray, "4 4"]
    ego_to_global: Float[np.ndarray, "4 4"]
    intrinsics: Float[np.ndarray, "3 3"] | None = None

    def to_global(self) -> Float[np.ndarray, "4 4"]:
        """Return the pose of the sensor in the global frame, float64."""
        return self.ego_to_global @ self.sensor_to_ego


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One box at one keyframe, in the global frame.

    Attributes:
        token, instance: of the annotation, and of the thing through time.
        category: raw category.
        attribute: name, or None where it has none.
        center, size: metres; the size is (width, length, height) as in the table.
        rotation: its own axes: x along the length, y along the width.
        velocity: m/s by finite differences between the neighbouring keyframes; NaN where there is none near.
        lidar_points, radar_points: returns inside it.
    """

    token: str
    instance: str
    category: str
    attribute: str | None
    center: Float[np.ndarray, "3"]
    size: Float[np.ndarray, "3"]
    rotation: Float[np.ndarray, "3 3"]
    velocity: Float[np.ndarray, "3"]
    lidar_points: int
    radar_points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyframeRecord:
    """Everything that the tables say of one keyframe.

    Attributes:
        token: of its ``sample`` record, as result files name it.
        scene: name of its scene.
        sweeps: the LiDAR at the keyframe, then the sweeps before it, newest first.
        cameras: in the order of `CAMERAS`; those that are missing are left out.
        annotations: the boxes.
        lidarseg: file of the labels of the first sweep, relative to the root, or None.
    """

    token: str
    scene: str
    sweeps: tuple[Recording, ...]
    cameras: tuple[Recording, ...]
    annotations: tuple[Annotation, ...]
    lidarseg: str | None = None


def read_table(root: Path, version: str, name: str) -> list[Record]:
    """Return the records of a table.

    Raises:
        ValueError: when its file is absent or not a list in JSON.
    """
    path = root / version / f"{name}.json"
    try:
        table = json.loads(path.read_text())
    except OSError as error:
        raise ValueError(
            f"{path}: cannot be read ({error.strerror}); check the folder and version"
        ) from error
    except ValueError as error:
        raise ValueError(f"{path}: is not JSON, perhaps cut off ({error}); unpack it again") from error
    if not isinstance(table, list):
        raise ValueError(f"{path}: holds a {type(table).__name__}; expected a list of records")
    return table


class _Table:
    """A table by token; a token that it lacks is an error that names the table."""

    def __init__(self, root: Path, version: str, name: str) -> None:
        self._path = root / version / f"{name}.json"
        self.rows: dict[str, Record] = {row["token"]: row for row in read_table(root, version, name)}

    def __getitem__(self, token: str) -> Record:
        if token not in self.rows:
            raise ValueError(f"{self._path}: has no record {token!r}, to which another table refers")
        return self.rows[token]


def read_keyframes(
    root: Path, version: str, scenes: Sequence[str], sweeps: int
) -> tuple[KeyframeRecord, ...]:
    """Return the keyframes of the named scenes that the tables hold, scene by scene in the order of time.

    Args:
        root: folder of the data set.
        version: folder of the tables in it, such as ``v1.0-mini``.
        scenes: names; scenes that the tables lack are passed over (the mini tables lack most of them).
        sweeps: at most how many sweeps of the LiDAR each keyframe gets, its own among them.

    Raises:
        ValueError: when a table is unreadable or inconsistent, or holds none of the scenes.
    """
    table = _Table(root, version, "scene")
    wanted = set(scenes)
    names = {token: row["name"] for token, row in table.rows.items() if row["name"] in wanted}
    if not names:
        held = sorted(row["name"] for row in table.rows.values())
        raise ValueError(
            f"{root / version}: holds none of the {len(scenes)} scenes asked for; it holds {', '.join(held[:4])}"
            f"{', ...' if len(held) > 4 else ''}; choose another split"
        )
    samples = [row for row in read_table(root, version, "sample") if row["scene_token"] in names]
    samples.sort(key=lambda row: (names[row["scene_token"]], row["timestamp"]))
    kept = {row["token"] for row in samples}
    lidar, cameras = _read_recordings(root, version, kept, sweeps)
    annotations = _read_annotations(root, version, {row["token"]: row["timestamp"] for row in samples})
    has_labels = (root / version / "lidarseg.json").is_file()
    labels = read_table(root, version, "lidarseg") if has_labels else []
    label_file = {row["sample_data_token"]: row["filename"] for row in labels}
    return tuple(
        KeyframeRecord(
            token=token,
            scene=names[row["scene_token"]],
            sweeps=lidar[token],
            cameras=tuple(cameras[token][name] for name in CAMERAS if name in cameras[token]),
            annotations=tuple(annotations[token]),
            lidarseg=label_file.get(lidar[token][0].token),
        )
        for row in samples
        for token in (row["token"],)
    )


def _read_recordings(
    root: Path, version: str, samples: set[str], sweeps: int
) -> tuple[dict[str, tuple[Recording, ...]], dict[str, dict[str, Recording]]]:
    """Return the sweeps and, by channel, the cameras of each sample."""
    sensor = _Table(root, version, "sensor")
    calibrated = _Table(root, version, "calibrated_sensor")
    channels = {token: sensor[row["sensor_token"]]["channel"] for token, row in calibrated.rows.items()}
    rows: dict[str, Record] = {}
    for row in read_table(root, version, "sample_data"):
        channel = channels.get(row["calibrated_sensor_token"])
        if row["sample_token"] in samples and (
            channel == LIDAR or (channel in CAMERAS and row["is_key_frame"])
        ):
            rows[row["token"]] = row
    needed = {row["ego_pose_token"] for row in rows.values()}
    poses = _Table(root, version, "ego_pose")
    poses.rows = {token: row for token, row in poses.rows.items() if token in needed}
    files = {
        token: _recording(row, channels[row["calibrated_sensor_token"]], calibrated, poses)
        for token, row in rows.items()
    }
    chains: dict[str, tuple[Recording, ...]] = {}
    cameras: dict[str, dict[str, Recording]] = defaultdict(dict)
    for token, row in rows.items():
        if not row["is_key_frame"]:
            continue
        if files[token].channel == LIDAR:
            chains[row["sample_token"]] = _chain(token, rows, files, sweeps)
        else:
            cameras[row["sample_token"]][files[token].channel] = files[token]
    missing = samples - chains.keys()
    if missing:
        raise ValueError(
            f"{root / version / 'sample_data.json'}: {len(missing)} of {len(samples)} keyframes have no {LIDAR} "
            f"recording, among them {min(missing)}; unpack the tables again"
        )
    return chains, cameras


def _recording(row: Record, channel: str, calibrated: _Table, poses: _Table) -> Recording:
    sensor, ego = calibrated[row["calibrated_sensor_token"]], poses[row["ego_pose_token"]]
    intrinsics = sensor["camera_intrinsic"]
    return Recording(
        token=row["token"],
        channel=channel,
        file=row["filename"],
        timestamp=int(row["timestamp"]),
        sensor_to_ego=rigid(rotation_matrix(sensor["rotation"]), sensor["translation"]),
        ego_to_global=rigid(rotation_matrix(ego["rotation"]), ego["translation"]),
        intrinsics=np.array(intrinsics, dtype=np.float64) if intrinsics else None,
    )


def _chain(
    token: str, rows: dict[str, Record], files: dict[str, Recording], sweeps: int
) -> tuple[Recording, ...]:
    """Return the recording and those before it, newest first; the chain ends where the scene does."""
    chain = [files[token]]
    while len(chain) < sweeps and rows[token]["prev"] in rows:
        token = rows[token]["prev"]
        chain.append(files[token])
    return tuple(chain)


def _read_annotations(root: Path, version: str, timestamps: dict[str, int]) -> dict[str, list[Annotation]]:
    """Return the annotations of each sample, given the samples' times in microseconds."""
    category = _Table(root, version, "category")
    instance = _Table(root, version, "instance")
    attribute = _Table(root, version, "attribute")
    rows = {
        row["token"]: row
        for row in read_table(root, version, "sample_annotation")
        if row["sample_token"] in timestamps
    }
    boxes: dict[str, list[Annotation]] = defaultdict(list)
    for token, row in rows.items():
        attributes = row["attribute_tokens"]
        boxes[row["sample_token"]].append(
            Annotation(
                token=token,
                instance=row["instance_token"],
                category=category[instance[row["instance_token"]]["category_token"]]["name"],
                attribute=attribute[attributes[0]]["name"] if attributes else None,
                center=np.array(row["translation"], dtype=np.float64),
                size=np.array(row["size"], dtype=np.float64),
                rotation=rotation_matrix(row["rotation"]),
                velocity=_velocity(row, rows, timestamps),
                lidar_points=int(row["num_lidar_pts"]),
                radar_points=int(row["num_radar_pts"]),
            )
        )
    return boxes


def _velocity(row: Record, rows: dict[str, Record], timestamps: dict[str, int]) -> Float[np.ndarray, "3"]:
    """Return the velocity by the official rule: the difference quotient between the neighbouring keyframes.

    Central where both neighbours exist, one-sided where one does, NaN where none does or too much time lies
    between (`VELOCITY_TIME`).
    """
    before, after = rows.get(row["prev"]), rows.get(row["next"])
    first, last = before or row, after or row
    seconds = 1e-6 * (timestamps[last["sample_token"]] - timestamps[first["sample_token"]])
    limit = VELOCITY_TIME * (2.0 if before and after else 1.0)
    if first is last or seconds > limit:
        return np.full(3, np.nan)
    return (np.array(last["translation"]) - np.array(first["translation"])) / seconds
