"""Structured3D in its official layout, unpacked: rendered rooms with labels and instances."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from pydantic import Field

from ponder_data.indoor.boxes import Box, joined_boxes, majority, upright_box
from ponder_data.indoor.files import checked_index, existing_folder, read_json, read_picture, read_text
from ponder_data.indoor.frames import FrameOptions, frame_view, spread_indices
from ponder_data.indoor.pixels import (
    LabelledPoints,
    panorama_rays,
    perspective_rays,
    picture_points,
    thinned,
)
from ponder_data.labels import STRUCTURED3D
from ponder_data.scene import Boxes, Scene, View, check_scene
from ponder_data.scene_files import SceneFiles, ViewFiles

_PATH = "the folder that holds scene_00000/ and so on (Structured3D/ of the unpacked archives)"
_MILLIMETRES = 1000.0
_BACKGROUND = 65535
_PICTURES = ("rgb_rawlight.png", "depth.png", "semantic.png", "instance.png")
_SCENES = {"train": range(3000), "val": range(3000, 3250), "test": range(3250, 3500), "all": range(3500)}


class Structured3dConfig(FrameOptions):
    """Which rooms of Structured3D, and what is read of them."""

    kind: Literal["structured3d"] = "structured3d"
    path: Path | None = Field(default=None, description=_PATH)
    split: Literal["train", "val", "test", "all"] = Field(
        default="train", description="by the official numbers: scenes 0-2999, 3000-3249, 3250-3499"
    )
    panorama: bool = Field(default=True, description="the cloud also has the panorama's points")
    voxel: float = Field(default=0.02, gt=0, description="the cloud keeps one point per cube of this side, m")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """One rendering as it is in its folder; depth in metres, classes and instances -1 where there is none."""

    color: UInt8[np.ndarray, "height width 3"]
    depth: Float[np.ndarray, "height width"]
    semantic: Int[np.ndarray, "height width"]
    instance: Int[np.ndarray, "height width"]


def is_structured3d(path: Path) -> bool:
    """Return whether a folder holds unpacked scenes of Structured3D."""
    return any(next(path.glob(f"{inner}scene_*/2D_rendering"), None) for inner in ("", "Structured3D/"))


class Structured3d:
    """A sequence of furnished rooms, read when asked for.

    The cloud of a room is that of its perspective renderings and its panorama; views are perspective renderings
    with classes and instances, and say that they are synthetic. Boxes are those of ``bbox_3d.json`` whose
    instance is seen in the room, with the class that most of its points have.

    Raises:
        ValueError: when the folder is missing or no room of the split is in it.
    """

    name = "structured3d"
    class_names: tuple[str, ...] = STRUCTURED3D.names

    def __init__(self, config: Structured3dConfig) -> None:
        self.config = config
        path = existing_folder(config.path, "Structured3dConfig", _PATH)
        inner = path / "Structured3D"
        self.path = inner if inner.is_dir() else path
        numbers = _SCENES[config.split]
        self.rooms = tuple(
            room
            for scene in sorted(self.path.glob("scene_*"))
            if (number := scene.name.removeprefix("scene_")).isdigit() and int(number) in numbers
            for room in sorted(scene.glob("2D_rendering/*"), key=lambda room: (len(room.name), room.name))
            if (room / "perspective" / "full").is_dir() or (room / "panorama" / "full").is_dir()
        )
        if not self.rooms:
            raise ValueError(
                f"{self.path}: holds no scene_*/2D_rendering/<room> of the split {config.split!r}; give {_PATH}"
            )

    def __len__(self) -> int:
        return len(self.rooms)

    def scene_files(self, index: int) -> SceneFiles:
        """Return the files of room ``index``."""
        room = self.rooms[index]
        folders, panorama = _perspectives(room), room / "panorama" / "full"
        used = [panorama] if self.config.panorama and panorama.is_dir() else []
        return SceneFiles(
            cloud=tuple(folder / name for folder in used for name in _PICTURES[:2]),
            annotation=(
                room.parents[1] / "bbox_3d.json",
                *(folder / name for folder in (*used, *folders) for name in _PICTURES[2:]),
            ),
            views=tuple(
                ViewFiles(
                    name=_view_name(folder),
                    color=folder / _PICTURES[0],
                    depth=folder / _PICTURES[1],
                    pose=folder / "camera_pose.txt",
                )
                for folder in folders
            ),
        )

    def scene_splits(self, index: int) -> tuple[str, ...]:
        """Return the official split of room ``index``, by the number of its scene."""
        number = int(self.rooms[index].parents[1].name.removeprefix("scene_"))
        return tuple(split for split, numbers in _SCENES.items() if split != "all" and number in numbers)

    def __getitem__(self, index: int) -> Scene:
        """Read room ``index``.

        Raises:
            IndexError: when there is no such room.
            ValueError: when one of its files is absent or broken.
        """
        room = self.rooms[checked_index(index, len(self), "room")]
        folders = _perspectives(room)
        chosen = set(spread_indices(range(len(folders)), self.config.frames))
        clouds: list[LabelledPoints] = []
        views: list[View] = []
        for number, folder in enumerate(folders):
            picture = read_rendering(folder)
            pose, intrinsics = perspective_camera(folder / "camera_pose.txt", *_size(picture))
            clouds.append(_points(picture, perspective_rays(intrinsics, *_size(picture)), pose))
            if number in chosen:
                views.append(self._view(folder, picture, pose, intrinsics))
        if self.config.panorama and (room / "panorama" / "full").is_dir():
            picture = read_rendering(room / "panorama" / "full")
            pose = np.eye(4)
            pose[:3, 3] = _camera_numbers(room / "panorama" / "camera_xyz.txt", 3) / _MILLIMETRES
            clouds.append(_points(picture, panorama_rays(*_size(picture)), pose))
        if not clouds:
            raise ValueError(
                f"{room}: has no perspective rendering; unpack all archives or set panorama=True"
            )
        cloud = thinned(clouds, self.config.voxel)
        scene = room.parents[1]
        kept, held_out = self.config.divided(tuple(views))
        return check_scene(
            Scene(
                name=f"{scene.name}/{room.name}",
                dataset=self.name,
                coord=torch.from_numpy(cloud.coord),
                color=torch.from_numpy(cloud.color).float() / 255.0,
                normal=torch.from_numpy(cloud.normal),
                semantic=torch.from_numpy(cloud.semantic),
                instance=torch.from_numpy(cloud.instance),
                boxes=room_boxes(scene / "bbox_3d.json", cloud),
                views=kept,
                held_out_views=held_out,
                class_names=self.class_names,
            )
        )

    def _view(
        self,
        folder: Path,
        picture: _Picture,
        pose: Float[np.ndarray, "4 4"],
        intrinsics: Float[np.ndarray, "3 3"],
    ) -> View:
        return frame_view(
            _view_name(folder),
            picture.color,
            picture.depth,
            intrinsics,
            intrinsics,
            pose,
            self.config,
            semantic=picture.semantic,
            instance=picture.instance,
            source="synthetic",
        )


def _perspectives(room: Path) -> list[Path]:
    folders = (path for path in room.glob("perspective/full/*") if path.name.isdigit())
    return sorted(folders, key=lambda path: int(path.name))


def _view_name(folder: Path) -> str:
    return f"perspective {folder.name}"


def _size(picture: _Picture) -> tuple[int, int]:
    return picture.depth.shape[1], picture.depth.shape[0]


def _points(
    picture: _Picture, rays: Float[np.ndarray, "height width 3"], pose: Float[np.ndarray, "4 4"]
) -> LabelledPoints:
    return picture_points(picture.color, picture.depth, rays, pose, picture.semantic, picture.instance)


def read_rendering(folder: Path) -> _Picture:
    """Return one rendering; panoramas of the release have no ``instance.png`` and get instance -1.

    Raises:
        ValueError: when a picture is absent, unreadable or of another size or kind than the others.
    """
    color = read_picture(folder / "rgb_rawlight.png", "RGB")
    depth = read_picture(folder / "depth.png")
    semantic = read_picture(folder / "semantic.png")
    path = folder / "instance.png"
    instance = read_picture(path) if path.is_file() else np.full(depth.shape, _BACKGROUND)
    for name, image in (("depth", depth), ("semantic", semantic), ("instance", instance)):
        if image.shape != color.shape[:2]:
            raise ValueError(
                f"{folder / name}.png: is {image.shape}, but rgb_rawlight.png is {color.shape[:2]}; "
                "unpack the archives again"
            )
    numbers = instance.astype(np.int64)
    return _Picture(
        color=color,
        depth=depth.astype(np.float32) / np.float32(_MILLIMETRES),
        semantic=STRUCTURED3D.from_raw(torch.from_numpy(semantic.astype(np.int64))).numpy(),
        instance=np.where(numbers == _BACKGROUND, -1, numbers),
    )


def _camera_numbers(path: Path, count: int) -> Float[np.ndarray, " count"]:
    try:
        values = np.array(read_text(path).split(), dtype=np.float64)
    except ValueError as error:
        raise ValueError(f"{path}: cannot be read as a camera ({error})") from error
    if len(values) != count or not np.isfinite(values).all():
        raise ValueError(f"{path}: holds {len(values)} numbers; expected {count} finite ones")
    return values


def perspective_camera(
    path: Path, width: int, height: int
) -> tuple[Float[np.ndarray, "4 4"], Float[np.ndarray, "3 3"]]:
    """Return pose and intrinsics by ``camera_pose.txt``: eye (mm), view direction, up, half angles of view.

    Raises:
        ValueError: when the file cannot be read, or its directions or angles make no camera.
    """
    values = _camera_numbers(path, 12)
    forward, right = values[3:6], np.cross(values[3:6], values[6:9])
    half = values[9:11]
    if not (np.linalg.norm(right) > 1e-6 and (half > 0).all() and (half < np.pi / 2).all()):
        raise ValueError(f"{path}: {values.tolist()} is no camera; unpack the archives again")
    forward, right = forward / np.linalg.norm(forward), right / np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = values[:3] / _MILLIMETRES
    focal = np.array([width, height]) / 2 / np.tan(half)
    # The angles reach to the outer edges of the outermost pixels, whose centres lie at 0 and width - 1.
    return pose, np.array(
        [[focal[0], 0.0, (width - 1) / 2], [0.0, focal[1], (height - 1) / 2], [0.0, 0.0, 1.0]]
    )


def room_boxes(path: Path, cloud: LabelledPoints) -> Boxes:
    """Return the boxes of ``bbox_3d.json`` whose instance has points of a class in the cloud.

    Raises:
        ValueError: when the file cannot be read or a box lacks something.
    """
    boxes: list[Box] = []
    records = read_json(path)
    try:
        for record in records:
            number = int(record["ID"])
            label = majority(cloud.semantic[cloud.instance == number])
            if label < 0:
                continue
            axes = np.array(record["basis"], dtype=np.float64).reshape(3, 3)
            radii = np.abs(np.array(record["coeffs"], dtype=np.float64).reshape(3))
            center = np.array(record["centroid"], dtype=np.float64).reshape(3)
            boxes.append(upright_box(center / _MILLIMETRES, axes, 2 * radii / _MILLIMETRES, label, number))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: a box lacks ID, basis, coeffs or centroid ({error!r})") from error
    return joined_boxes(boxes)
