"""Tiny nuScenes tables in the official layout, written by hand for the tests to read and to break."""

import json
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from ponder_data import NuScenes, NuScenesConfig
from ponder_data.nuscenes.poses import quaternion_of, rigid, rigid_inverse

VERSION = "v1.0-mini"
WIDTH, HEIGHT = 64, 36
INTRINSICS = np.array([[50.0, 0.0, 31.5], [0.0, 50.0, 17.5], [0.0, 0.0, 1.0]])
# The LiDAR looks left of the vehicle's x axis by 90 degrees: its y is forward, as on the real car.
LIDAR_TO_EGO = rigid(np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), [0.9, 0.0, 1.8])
CAMERA_TO_EGO = rigid(np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), [1.7, 0.0, 1.5])
START = 1_500_000_000_000_000
STEP = 500_000
# Points that stand still in the global frame, around where the vehicle drives.
WORLD_POINTS = np.array(
    [[30.0, 4.0, 0.5], [24.0, -3.0, 1.0], [28.0, 0.5, 2.0], [10.0, -9.0, 1.5], [6.0, 8.0, 0.0]]
)
RAW_LABELS = np.array([28, 24, 17, 30, 0], dtype=np.uint8)


def ego_pose(time: int) -> np.ndarray:
    """Return where the vehicle is at a time: it drives along a bend at 8 m/s."""
    seconds = 1e-6 * (time - START)
    turn = 0.2 + 0.1 * seconds
    rotation = np.array(
        [[np.cos(turn), -np.sin(turn), 0.0], [np.sin(turn), np.cos(turn), 0.0], [0.0, 0.0, 1.0]]
    )
    return rigid(rotation, [8.0 * seconds, 1.0 * seconds, 0.1 * seconds])


@dataclass
class Tables:
    """The tables of one scene of three keyframes with one sweep between each two."""

    root: Path
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, table: str, token: str, **values: Any) -> str:
        self.rows.setdefault(table, []).append({"token": token, **values})
        return token

    def write(self) -> None:
        folder = self.root / VERSION
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in self.rows.items():
            (folder / f"{name}.json").write_text(json.dumps(rows))

    def row(self, table: str, token: str) -> dict[str, Any]:
        return next(row for row in self.rows[table] if row["token"] == token)

    def open(self, **settings: Any) -> NuScenes:
        self.write()
        values = {"path": self.root, "version": VERSION, "split": "mini_train", "image_width": None}
        return NuScenes(NuScenesConfig.model_validate({**values, **settings}))

    def record(self, token: str, sensor: str, sample: str, time: int, keyframe: bool, file: str) -> str:
        pose = ego_pose(time)
        self.add(
            "ego_pose",
            token,
            timestamp=time,
            rotation=quaternion_of(pose[:3, :3]).tolist(),
            translation=pose[:3, 3].tolist(),
        )
        self.add(
            "sample_data",
            token,
            sample_token=sample,
            ego_pose_token=token,
            calibrated_sensor_token=sensor,
            timestamp=time,
            fileformat="pcd" if sensor == "lidar" else "jpg",
            is_key_frame=keyframe,
            filename=file,
            prev="",
            next="",
        )
        return token

    def write_sweep(self, token: str, sample: str, time: int, keyframe: bool) -> str:
        file = f"{'samples' if keyframe else 'sweeps'}/LIDAR_TOP/{token}.pcd.bin"
        to_lidar = rigid_inverse(ego_pose(time) @ LIDAR_TO_EGO)
        local = WORLD_POINTS @ to_lidar[:3, :3].T + to_lidar[:3, 3]
        rows = np.zeros((len(local) + 1, 5), dtype=np.float32)
        rows[:-1, :3] = local
        rows[:-1, 3] = [0, 51, 102, 153, 255]
        rows[:-1, 4] = [0, 7, 15, 23, 31]
        rows[-1] = [0.5, -0.5, -1.0, 9.0, 3.0]  # the vehicle itself
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.tofile(path)
        return self.record(token, "lidar", sample, time, keyframe, file)

    def write_picture(self, token: str, sample: str, time: int) -> str:
        file = f"samples/CAM_FRONT/{token}.png"
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        ramp = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
        ramp[..., 0] = np.arange(WIDTH) * 4
        ramp[..., 1] = np.arange(HEIGHT)[:, None] * 7
        Image.fromarray(ramp).save(path)
        return self.record(token, "camera", sample, time, True, file)

    def annotate(self, token: str, instance: str, sample: str, center: Any, **values: Any) -> str:
        row = {
            "sample_token": sample,
            "instance_token": instance,
            "visibility_token": "4",
            "attribute_tokens": ["moving"],
            "translation": list(center),
            "size": [2.0, 4.5, 1.6],
            "rotation": [1.0, 0.0, 0.0, 0.0],
            "prev": "",
            "next": "",
            "num_lidar_pts": 5,
            "num_radar_pts": 0,
        }
        return self.add("sample_annotation", token, **{**row, **values})


def link(tables: Tables, table: str, tokens: list[str]) -> None:
    """Chain records by ``prev`` and ``next``."""
    for before, after in pairwise(tokens):
        tables.row(table, before)["next"] = after
        tables.row(table, after)["prev"] = before


def build_tables(root: Path) -> Tables:
    """Return the tables, their sensor files written but not yet the tables themselves."""
    tables = Tables(root)
    for name, pose, intrinsics, channel in (
        ("lidar", LIDAR_TO_EGO, [], "LIDAR_TOP"),
        ("camera", CAMERA_TO_EGO, INTRINSICS.tolist(), "CAM_FRONT"),
    ):
        tables.add("sensor", f"{name}-sensor", channel=channel, modality=name)
        tables.add(
            "calibrated_sensor",
            name,
            sensor_token=f"{name}-sensor",
            translation=pose[:3, 3].tolist(),
            rotation=quaternion_of(pose[:3, :3]).tolist(),
            camera_intrinsic=intrinsics,
        )
    tables.add("scene", "scene", name="scene-0061", nbr_samples=3)
    for name in ("vehicle.car", "human.pedestrian.adult", "static_object.bicycle_rack"):
        tables.add("category", name, name=name)
    tables.add("attribute", "moving", name="vehicle.moving")
    tables.add("instance", "aa01", category_token="vehicle.car")
    tables.add("instance", "bb02", category_token="static_object.bicycle_rack")
    sweeps: list[str] = []
    for index in range(3):
        time, sample = START + index * STEP, f"sample-{index}"
        tables.add("sample", sample, scene_token="scene", timestamp=time, prev="", next="")
        if index:
            sweeps.append(tables.write_sweep(f"between-{index}", sample, time - STEP // 2, False))
        sweeps.append(tables.write_sweep(f"lidar-{index}", sample, time, True))
        tables.write_picture(f"camera-{index}", sample, time - 40_000)
        tables.annotate(f"car-{index}", "aa01", sample, (20.0 + index**2, -2.0 * index, 0.9))
        tables.annotate(f"rack-{index}", "bb02", sample, (5.0, 5.0, 0.5), attribute_tokens=[])
    link(tables, "sample_data", sweeps)
    link(tables, "sample", [f"sample-{index}" for index in range(3)])
    link(tables, "sample_annotation", [f"car-{index}" for index in range(3)])
    label_file = root / "lidarseg" / VERSION / "lidar-1_lidarseg.bin"
    label_file.parent.mkdir(parents=True)
    np.append(RAW_LABELS, np.uint8(31)).tofile(label_file)
    tables.add("lidarseg", "lidar-1", sample_data_token="lidar-1", filename=str(label_file.relative_to(root)))
    return tables
