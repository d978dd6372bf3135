"""Synthetic rooms in ScanNet's raw layout: meshes, labels, objects, recordings, lists of scenes and categories."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from ponder_data.datasets.synthetic_rooms import SyntheticRoomsConfig, room_seed
from ponder_data.indoor.sens import SYNTHETIC_SENSOR
from ponder_data.nuscenes.poses import rigid, rigid_inverse
from ponder_data.raw_layouts.mesh_ply import write_mesh_ply
from ponder_data.raw_layouts.new_folder import new_folder
from ponder_data.raw_layouts.progress import Progress, silent
from ponder_data.raw_layouts.room_mesh import RoomMesh, fuse_mesh
from ponder_data.raw_layouts.scannet_categories import LABELS_FILE, scannet_category, write_categories
from ponder_data.raw_layouts.scannet_objects import find_objects, write_objects
from ponder_data.raw_layouts.sens import MILLIMETRES, SensFrame, write_sens
from ponder_data.rooms.classes import RoomClass
from ponder_data.rooms.depth_sensor import DepthSensorConfig
from ponder_data.rooms.parts import turn_z
from ponder_data.rooms.recording import RecordedFrame, record_frames, set_up_room

FRAME_TIME = 33_333
"""Microseconds between frames."""

_MOST_ROOMS = 10_000
_TURN_KEY = 4


class ScanNetRoomsConfig(BaseModel):
    """Which rooms are written, and how they are recorded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: int = Field(default=16, ge=0, description="rooms for training: those of SyntheticRooms' split")
    val: int = Field(default=4, ge=0, description="rooms for validation")
    seed: int = Field(default=0, ge=0, lt=2**32)
    frames: int = Field(default=24, ge=1, description="pictures of each room, which also make its mesh")
    image_width: int = Field(default=320, ge=8)
    image_height: int = Field(default=240, ge=8)
    voxel: float = Field(
        default=0.03, gt=0, description="the mesh has one vertex per cell of this size, metres"
    )
    max_vertices: int = Field(default=400_000, ge=3)
    image_noise: float = Field(default=0.01, ge=0, description="standard deviation of the colour noise")
    depth_sensor: DepthSensorConfig = DepthSensorConfig()
    jpeg_quality: int = Field(default=95, ge=1, le=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenRooms:
    """What was written: rooms of the two splits, and what they hold together."""

    path: Path
    scenes: tuple[int, int]
    frames: int
    vertices: int
    objects: int


def write_scannet_rooms(config: ScanNetRoomsConfig, path: Path, progress: Progress = silent) -> WrittenRooms:
    """Write rooms to ``path`` in the layout of ScanNet v2's download.

    ``scans/<scene>/`` holds the mesh (``_vh_clean_2.ply``, and ``.labels.ply`` with NYU40 ids), its segments and
    objects (``.segs.json``, ``.aggregation.json``), ``.txt`` with the axis alignment, and ``.sens`` with the noisy
    frames, which are the views of `SyntheticRooms`. The mesh is what fusing the true depth would give. As real scans
    do, files have a world of their own; ``axisAlignment`` brings it back to the room's. Beside ``scans/`` are
    ``scannetv2_train.txt``, ``scannetv2_val.txt`` and ``scannetv2-labels.combined.tsv``.

    Args:
        config: what to write.
        path: a folder that is new or empty; it appears when all is written.
        progress: called with rooms that are written, and rooms in all.

    Raises:
        ValueError: when ``path`` cannot be used, or no room is asked for, or more than ScanNet has names for.
    """
    total = config.train + config.val
    if not 0 < total <= _MOST_ROOMS:
        raise ValueError(f"{total} rooms are asked for; ask for 1 to {_MOST_ROOMS}")
    rooms = [("train", number) for number in range(config.train)]
    rooms += [("val", number) for number in range(config.val)]
    counts: Counter[RoomClass] = Counter()
    vertices = 0
    with new_folder(path) as root:
        progress(0, total)
        for index, (split, number) in enumerate(rooms):
            scene = f"scene{index:04d}_00"
            folder = root / "scans" / scene
            folder.mkdir(parents=True)
            labels, size = _write_scan(config, folder, split, number)
            counts.update(labels)
            vertices += size
            progress(index + 1, total)
        for split in ("train", "val"):
            names = [f"scene{index:04d}_00" for index, (part, _) in enumerate(rooms) if part == split]
            (root / f"scannetv2_{split}.txt").write_text("".join(f"{name}\n" for name in names))
        write_categories(root / LABELS_FILE, counts)
    return WrittenRooms(
        path=path,
        scenes=(config.train, config.val),
        frames=total * config.frames,
        vertices=vertices,
        objects=counts.total(),
    )


def _write_scan(
    config: ScanNetRoomsConfig, folder: Path, split: str, number: int
) -> tuple[list[RoomClass], int]:
    """Write one room; return the classes of its objects and how many vertices it has."""
    names = SyntheticRoomsConfig.model_validate({"split": split, "seed": config.seed})
    setting = set_up_room(
        room_seed(names, number),
        views=config.frames,
        held_out=0,
        width=config.image_width,
        height=config.image_height,
    )
    frames = record_frames(setting, config.depth_sensor, config.image_noise)
    mesh = fuse_mesh(setting.rng, frames, config.voxel, config.max_vertices)
    alignment = _alignment(room_seed(names, number))
    _write_mesh(folder, mesh, alignment)
    objects = find_objects(mesh.vertices)
    write_objects(folder, folder.name, objects)
    _write_frames(config, folder, frames, alignment)
    _write_settings(config, folder, frames, alignment)
    return [item.label for item in objects.objects], len(mesh.vertices)


def _alignment(seed: np.random.SeedSequence) -> Float[np.ndarray, "4 4"]:
    """Draw the motion from the world of a scan's files to the room's, as far as six decimals tell it."""
    key = (*seed.spawn_key, _TURN_KEY)
    rng = np.random.default_rng(np.random.SeedSequence(entropy=seed.entropy, spawn_key=key))
    turn, shift = rng.uniform(-np.pi, np.pi), rng.uniform((-4.0, -4.0, -0.2), (4.0, 4.0, 0.2))
    return np.round(rigid(turn_z(float(turn)), shift), 6)


def _write_mesh(folder: Path, mesh: RoomMesh, alignment: Float[np.ndarray, "4 4"]) -> None:
    to_raw = rigid_inverse(alignment)
    coord = (mesh.vertices.coord @ to_raw[:3, :3].T + to_raw[:3, 3]).astype(np.float32)
    color = np.round(mesh.vertices.color * 255.0).astype(np.uint8)
    nyu40 = np.array([scannet_category(label).nyu40_id for label in RoomClass])[mesh.vertices.semantic]
    stem = f"{folder.name}_vh_clean_2"
    write_mesh_ply(folder / f"{stem}.ply", coord, color, mesh.faces)
    write_mesh_ply(folder / f"{stem}.labels.ply", coord, color, mesh.faces, nyu40)


def _write_frames(
    config: ScanNetRoomsConfig,
    folder: Path,
    frames: tuple[RecordedFrame, ...],
    alignment: Float[np.ndarray, "4 4"],
) -> None:
    to_raw = rigid_inverse(alignment)
    recorded = tuple(
        SensFrame(
            color=np.round(frame.color * 255.0).astype(np.uint8),
            depth=np.round(frame.depth * MILLIMETRES).astype(np.uint16),
            camera_to_world=to_raw @ frame.camera.camera_to_world,
        )
        for frame in frames
    )
    write_sens(
        folder / f"{folder.name}.sens",
        recorded,
        frames[0].camera.intrinsics,
        sensor=SYNTHETIC_SENSOR,
        frame_time=FRAME_TIME,
        jpeg_quality=config.jpeg_quality,
    )


def _write_settings(
    config: ScanNetRoomsConfig,
    folder: Path,
    frames: tuple[RecordedFrame, ...],
    alignment: Float[np.ndarray, "4 4"],
) -> None:
    """Write ``<scene>.txt``; the intrinsics of colour and depth are the same."""
    k = frames[0].camera.intrinsics
    values = {
        "axisAlignment": _numbers(alignment),
        "colorHeight": config.image_height,
        "colorToDepthExtrinsics": _numbers(np.eye(4)),
        "colorWidth": config.image_width,
        "depthHeight": config.image_height,
        "depthWidth": config.image_width,
        **{f"fx_{kind}": f"{k[0, 0]:.6f}" for kind in ("color", "depth")},
        **{f"fy_{kind}": f"{k[1, 1]:.6f}" for kind in ("color", "depth")},
        **{f"mx_{kind}": f"{k[0, 2]:.6f}" for kind in ("color", "depth")},
        **{f"my_{kind}": f"{k[1, 2]:.6f}" for kind in ("color", "depth")},
        "numColorFrames": len(frames),
        "numDepthFrames": len(frames),
        "numIMUmeasurements": 0,
        "sceneType": "Misc.",
    }
    lines = [f"{key} = {value}\n" for key, value in values.items()]
    (folder / f"{folder.name}.txt").write_text("".join(lines))


def _numbers(matrix: Float[np.ndarray, "4 4"]) -> str:
    return " ".join(f"{value:.6f}" for value in matrix.reshape(-1))
