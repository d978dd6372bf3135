"""ARKitScenes in its official layouts (``3dod`` and ``raw``): reconstructed meshes, boxes and low-resolution frames."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from scipy.spatial.transform import Rotation

from ponder_data.indoor.boxes import Box, joined_boxes, upright_box
from ponder_data.indoor.files import (
    checked_index,
    existing_folder,
    needed_file,
    read_json,
    read_numbers,
    read_picture,
)
from ponder_data.indoor.frames import FrameOptions, frame_view, spread_indices, valid_poses
from ponder_data.indoor.ply import read_ply_mesh
from ponder_data.labels import ARKITSCENES
from ponder_data.scene import Boxes, Scene, View, check_scene
from ponder_data.scene_files import SceneFiles, ViewFiles

_PATH = "the folder that holds Training/ and Validation/ with a folder for each video"
_INNER = ("3dod", "threedod", "raw")
_FOLDERS = {"train": ("Training",), "val": ("Validation",), "all": ("Training", "Validation")}
_MILLIMETRES = 1000.0
# Poses, pictures and intrinsics of one frame carry times that differ by rounding.
_TOLERANCE = 0.005


class ArkitScenesConfig(FrameOptions):
    """Which videos of ARKitScenes, and what is read of them."""

    kind: Literal["arkitscenes"] = "arkitscenes"
    path: Path | None = Field(default=None, description=_PATH)
    split: Literal["train", "val", "all"] = Field(default="train", description="Training, Validation or both")


def _inner_folder(path: Path) -> Path:
    """Return the folder that holds Training/ and Validation/: this one, or one that the download makes in it."""
    roots = (path, *(path / inner for inner in _INNER))
    return next((root for root in roots if any((root / name).is_dir() for name in _FOLDERS["all"])), path)


def _frames_folder(video: Path) -> Path:
    frames = video / f"{video.name}_frames"
    return frames if frames.is_dir() else video


def is_arkitscenes(path: Path) -> bool:
    """Return whether a folder is a download of ARKitScenes."""
    root = _inner_folder(path)
    return any(next(root.glob(f"{name}/*/*_3dod_mesh.ply"), None) is not None for name in _FOLDERS["all"])


def all_of_arkitscenes(path: Path) -> "ArkitScenes":
    """Return all videos of a download: with pictures where any video has them."""
    videos = (mesh.parent for mesh in _inner_folder(path).glob("*/*/*_3dod_mesh.ply"))
    recorded = any((_frames_folder(video) / "lowres_wide.traj").is_file() for video in videos)
    return ArkitScenes(ArkitScenesConfig(path=path, split="all", views=8 if recorded else 0))


class ArkitScenes:
    """A sequence of videos, read when asked for.

    Points are the vertices of ``<video>_3dod_mesh.ply``; they have no classes, since the dataset labels boxes only
    (``<video>_3dod_annotation.json``, 17 classes; others are left out). Views are low-resolution frames: pictures of
    ``lowres_wide``, depth of ``lowres_depth``, poses of ``lowres_wide.traj``. They are as the sensor took them, so
    devices held upright give pictures that lie on their side.

    Raises:
        ValueError: when the folder is missing or holds no video of the split.
    """

    name = "arkitscenes"
    class_names: tuple[str, ...] = ARKITSCENES.names

    def __init__(self, config: ArkitScenesConfig) -> None:
        self.config = config
        self.path = _inner_folder(existing_folder(config.path, "ArkitScenesConfig", _PATH))
        self.videos = tuple(
            mesh.parent
            for folder in _FOLDERS[config.split]
            for mesh in sorted((self.path / folder).glob("*/*_3dod_mesh.ply"))
        )
        if not self.videos:
            raise ValueError(
                f"{self.path}: holds no {_FOLDERS[config.split][0]}/<video>/<video>_3dod_mesh.ply; give {_PATH}"
            )

    def __len__(self) -> int:
        return len(self.videos)

    def scene_files(self, index: int) -> SceneFiles:
        """Return the files of video ``index``; pictures only where they are read."""
        folder = self.videos[index]
        frames = _frames_folder(folder)
        pose = frames / "lowres_wide.traj"
        depths = sorted((frames / "lowres_depth").glob("*.png")) if self.config.frames else []
        return SceneFiles(
            cloud=(folder / f"{folder.name}_3dod_mesh.ply",),
            annotation=(folder / f"{folder.name}_3dod_annotation.json",),
            views=tuple(
                ViewFiles(name=depth.stem, color=frames / "lowres_wide" / depth.name, depth=depth, pose=pose)
                for depth in depths
            ),
        )

    def scene_splits(self, index: int) -> tuple[str, ...]:
        """Return the split of video ``index``, by the folder that it lies in."""
        folder = self.videos[index].parent.name
        return ("train" if folder in _FOLDERS["train"] else "val",)

    def __getitem__(self, index: int) -> Scene:
        """Read video ``index``.

        Raises:
            IndexError: when there is no such video.
            ValueError: when one of its files is absent or broken.
        """
        folder = self.videos[checked_index(index, len(self), "video")]
        mesh = read_ply_mesh(folder / f"{folder.name}_3dod_mesh.ply")
        views, held_out = self.config.divided(self._views(folder) if self.config.frames else ())
        return check_scene(
            Scene(
                name=folder.name,
                dataset=self.name,
                coord=torch.from_numpy(mesh.coord),
                color=torch.from_numpy(mesh.color()).float() / 255.0,
                normal=torch.from_numpy(mesh.normal()),
                boxes=annotated_boxes(folder / f"{folder.name}_3dod_annotation.json"),
                views=views,
                held_out_views=held_out,
                class_names=self.class_names,
            )
        )

    def _views(self, folder: Path) -> tuple[View, ...]:
        frames = _frames_folder(folder)
        times, poses = read_trajectory(
            needed_file(frames / "lowres_wide.traj", "set views=0 to read no pictures")
        )
        colors = _timed_files(frames / "lowres_wide", ".png")
        depths = _timed_files(frames / "lowres_depth", ".png")
        cameras = _timed_files(frames / "lowres_wide_intrinsics", ".pincam")
        posed = [i for i, time in enumerate(depths.times) if _nearest(times, time) is not None]
        if not posed:
            raise ValueError(
                f"{frames / 'lowres_wide.traj'}: has no pose at the time of any picture of depth"
            )
        views = []
        for i in spread_indices(posed, self.config.frames):
            time, depth = depths.times[i], depths.paths[i]
            pose = _nearest(times, time)
            assert pose is not None  # one of those found above
            full = read_picture(depth)
            color = read_picture(colors.at(time), "RGB")
            intrinsics, size = read_pincam(cameras.at(time))
            if color.shape[:2] != full.shape or size != (full.shape[1], full.shape[0]):
                raise ValueError(
                    f"{depth}: is {full.shape} (rows, columns), its colour {color.shape[:2]} and its camera "
                    f"{size[::-1]}; they must be equal; download this video again"
                )
            metres = full.astype(np.float32) / np.float32(_MILLIMETRES)
            views.append(
                frame_view(depth.stem, color, metres, intrinsics, intrinsics, poses[pose], self.config)
            )
        return tuple(views)


@dataclass(frozen=True, slots=True, kw_only=True)
class _TimedFiles:
    folder: Path
    paths: tuple[Path, ...]
    times: Float[np.ndarray, " files"]

    def at(self, time: float) -> Path:
        """Return the file of a time.

        Raises:
            ValueError: when none is near enough.
        """
        found = _nearest(self.times, time)
        if found is None:
            raise ValueError(
                f"{self.folder}: has no file within {_TOLERANCE} s of {time:.3f}; download it again"
            )
        return self.paths[found]


def _timed_files(folder: Path, suffix: str) -> _TimedFiles:
    """Return a folder's ``<video>_<seconds>`` files by time."""
    timed = []
    for path in folder.glob(f"*{suffix}"):
        found = re.fullmatch(r"(?:.*_)?(\d+(?:\.\d+)?)", path.name.removesuffix(suffix))
        if found is not None:
            timed.append((float(found[1]), path))
    if not timed:
        raise ValueError(f"{folder}: holds no <video>_<seconds>{suffix}; download it, or set views=0")
    timed.sort()
    return _TimedFiles(
        folder=folder, paths=tuple(path for _, path in timed), times=np.array([time for time, _ in timed])
    )


def _nearest(times: Float[np.ndarray, " times"], time: float) -> int | None:
    """Return the place of the nearest of sorted times; None where it is not near enough."""
    right = int(np.searchsorted(times, time))
    places = [place for place in (right - 1, right) if 0 <= place < len(times)]
    best = min(places, key=lambda place: abs(times[place] - time), default=None)
    return best if best is not None and abs(times[best] - time) <= _TOLERANCE else None


def read_trajectory(
    path: Path,
) -> tuple[Float[np.ndarray, " poses"], Float[np.ndarray, "poses 4 4"]]:
    """Return times (s), sorted, and camera-to-world poses; rows hold a time, a rotation vector and a translation.

    Raises:
        ValueError: when the file is absent, empty or broken.
    """
    table = read_numbers(path, columns=7)
    table = table[np.argsort(table[:, 0], kind="stable")]
    rotation = Rotation.from_rotvec(table[:, 1:4]).as_matrix().transpose(0, 2, 1)
    poses = np.tile(np.eye(4), (len(table), 1, 1))
    poses[:, :3, :3] = rotation
    # The file's motions are from the world to the camera.
    poses[:, :3, 3] = -(rotation @ table[:, 4:, None])[..., 0]
    valid = valid_poses(poses)
    return table[valid, 0], poses[valid]


def read_pincam(path: Path) -> tuple[Float[np.ndarray, "3 3"], tuple[int, int]]:
    """Return intrinsics and (width, height) of a ``.pincam`` file.

    Raises:
        ValueError: when it is absent or broken.
    """
    width, height, fx, fy, cx, cy = read_numbers(path, columns=6)[0]
    return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]]), (int(width), int(height))


def annotated_boxes(path: Path) -> Boxes:
    """Return the boxes of an annotation whose label is one of the 17 classes.

    Raises:
        ValueError: when the file is absent or cut off, or a box lacks something.
    """
    data = read_json(path)
    place = {name: label for label, name in enumerate(ARKITSCENES.names)}
    boxes: list[Box] = []
    try:
        for number, item in enumerate(data["data"]):
            label = place.get(re.sub(r"[ /-]", "_", item["label"]))
            if label is None:
                continue
            box = item["segments"]["obbAligned"]
            boxes.append(
                upright_box(
                    np.array(box["centroid"], dtype=np.float64).reshape(3),
                    np.array(box["normalizedAxes"], dtype=np.float64).reshape(3, 3),
                    np.array(box["axesLengths"], dtype=np.float64).reshape(3),
                    label,
                    number,
                )
            )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: a box lacks its label or its obbAligned ({error!r})") from error
    return joined_boxes(boxes)
