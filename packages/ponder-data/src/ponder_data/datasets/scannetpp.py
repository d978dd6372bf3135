"""ScanNet++ in its official layout: laser-scanned meshes with labels and instances, and the phone's RGB-D frames."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from pydantic import Field

from ponder_data.datasets.rgbd_sequence import resized_intrinsics
from ponder_data.indoor.boxes import instance_boxes
from ponder_data.indoor.files import (
    checked_index,
    existing_folder,
    needed_file,
    read_json,
    read_lines,
    read_picture,
    read_table,
    read_text,
)
from ponder_data.indoor.frames import FrameOptions, frame_view, spread_indices, valid_poses
from ponder_data.indoor.phone import DEPTH_SIZE, read_depth_frames, read_video_frames
from ponder_data.indoor.ply import PlyMesh, read_ply_mesh
from ponder_data.indoor.segments import group_masks, read_groups, read_segments
from ponder_data.indoor.splits import listed_splits, present_scenes, split_names, splits_of_scene
from ponder_data.scene import Scene, View, check_scene
from ponder_data.scene_files import SceneFiles

_PATH = "the folder that holds data/, splits/ and metadata/"
_MESH = "mesh_aligned_0.05.ply"
_MILLIMETRES = 1000.0
_NO_VIEWS = "set views=0 to read no pictures"
_NO_LABELS = "set labels=False to read no classes"
_SPLITS = {"nvs_sem_train": "train", "nvs_sem_val": "val", "sem_test": "test"}
"""What others call its lists."""
_LIST_HINT = "it comes with the download; or name a list with split_file"


class ScanNetppConfig(FrameOptions):
    """Which scenes of ScanNet++, and what is read of them."""

    kind: Literal["scannetpp"] = "scannetpp"
    path: Path | None = Field(default=None, description=_PATH)
    split: str = Field(
        default="nvs_sem_train",
        description='a list in splits/: nvs_sem_train, nvs_sem_val, sem_test; "all" for what is there',
    )
    split_file: Path | None = Field(default=None, description="a list of scenes, in the place of a split")
    labels: bool = Field(default=True, description="read classes and instances; the test scenes have none")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneCamera:
    """Frame numbers of a phone's recording with their intrinsics (of the colour video) and OpenCV poses."""

    frames: Int[np.ndarray, " frames"]
    intrinsics: Float[np.ndarray, "frames 3 3"]
    camera_to_world: Float[np.ndarray, "frames 4 4"]


def is_scannetpp(path: Path) -> bool:
    """Return whether a folder is a download of ScanNet++."""
    return next(path.glob(f"data/*/scans/{_MESH}"), None) is not None


def all_of_scannetpp(path: Path) -> "ScanNetpp":
    """Return all scenes of a download: with pictures and labels where any scene has them."""
    return ScanNetpp(
        ScanNetppConfig(
            path=path,
            split="all",
            views=8 if next(path.glob("data/*/iphone/rgb*"), None) else 0,
            labels=next(path.glob("data/*/scans/segments_anno.json"), None) is not None,
        )
    )


class ScanNetpp:
    """A sequence of scenes, read when asked for.

    Points are the vertices of ``scans/mesh_aligned_0.05.ply``. Classes are the names in
    ``metadata/semantic_benchmark/top100.txt``; the words of the annotators become such names by
    ``map_benchmark.csv`` beside it. Where objects overlap, a vertex belongs to the smallest one. Anonymised vertices
    have no class. Boxes are axis-aligned around the instances. Views are frames of the phone
    (``iphone/rgb.mkv`` and ``depth.bin``, or ``iphone/rgb/`` and ``iphone/depth/`` where the official toolkit has
    unpacked them).

    Raises:
        ValueError: when the folder, the list of scenes or the table of classes is missing, or no scene is there.
    """

    name = "scannetpp"

    def __init__(self, config: ScanNetppConfig) -> None:
        self.config = config
        self.path = existing_folder(config.path, "ScanNetppConfig", _PATH)
        present = tuple(
            sorted(mesh.parents[1].name for mesh in (self.path / "data").glob(f"*/scans/{_MESH}"))
        )
        if not present:
            raise ValueError(f"{self.path}: holds no data/<scene>/scans/{_MESH}; give {_PATH}")
        split, file = config.split, config.split_file
        if split == "all" and file is None:
            self.scenes = present
        else:
            candidates = [file or self.path / "splits" / f"{split}.txt"]
            self.scenes = present_scenes(split_names(candidates, _LIST_HINT), present, self.path, split)
        self._listed = listed_splits(
            {name: [self.path / "splits" / f"{own}.txt"] for own, name in _SPLITS.items()}
        )
        self._labelled = config.labels and not split.endswith("test")
        self.class_names: tuple[str, ...] = ()
        self._classes: dict[str, int] = {}
        if self._labelled:
            self.class_names, self._classes = benchmark_classes(self.path / "metadata" / "semantic_benchmark")

    def __len__(self) -> int:
        return len(self.scenes)

    def scene_files(self, index: int) -> SceneFiles:
        """Return the files of scene ``index``; labels and pictures only where they are read."""
        folder = self.path / "data" / self.scenes[index]
        scans, phone = folder / "scans", folder / "iphone"
        tables = self.path / "metadata" / "semantic_benchmark"
        annotation = (scans / "segments.json", tables / "top100.txt", tables / "map_benchmark.csv")
        recording = tuple(phone / name for name in ("rgb.mkv", "depth.bin", "pose_intrinsic_imu.json"))
        return SceneFiles(
            cloud=(scans / _MESH,),
            labels=scans / "segments_anno.json" if self._labelled else None,
            annotation=annotation if self._labelled else (),
            recording=recording if self.config.frames else (),
        )

    def scene_splits(self, index: int) -> tuple[str, ...]:
        """Return the splits of scene ``index`` by the lists of the download: train, val or test."""
        split = self.config.split
        return splits_of_scene(self.scenes[index], self._listed, _SPLITS.get(split, split))

    def __getitem__(self, index: int) -> Scene:
        """Read scene ``index``.

        Raises:
            IndexError: when there is no such scene.
            ValueError: when one of its files is absent or broken.
            ImportError: where the phone's streams are read and the extra ``scenes`` is not installed.
        """
        name = self.scenes[checked_index(index, len(self), "scene")]
        folder = self.path / "data" / name
        mesh = read_ply_mesh(folder / "scans" / _MESH)
        semantic = instance = boxes = None
        if self._labelled:
            semantic, instance = object_labels(folder / "scans", mesh, self._classes)
            boxes = instance_boxes(mesh.coord, instance, semantic)
        views, held_out = self.config.divided(self._views(folder / "iphone") if self.config.frames else ())
        return check_scene(
            Scene(
                name=name,
                dataset=self.name,
                coord=torch.from_numpy(mesh.coord),
                color=torch.from_numpy(mesh.color()).float() / 255.0,
                normal=torch.from_numpy(mesh.normal()),
                semantic=None if semantic is None else torch.from_numpy(semantic),
                instance=None if instance is None else torch.from_numpy(instance),
                boxes=boxes,
                views=views,
                held_out_views=held_out,
                class_names=self.class_names,
            )
        )

    def _views(self, phone: Path) -> tuple[View, ...]:
        camera = read_phone_camera(needed_file(phone / "pose_intrinsic_imu.json", _NO_VIEWS))
        frames = camera.frames.tolist()
        if (phone / "rgb").is_dir() and (phone / "depth").is_dir():
            frames = [frame for frame in frames if _unpacked(phone, "rgb", frame).is_file()]
            if not frames:
                raise ValueError(f"{phone / 'rgb'}: holds no frame_NNNNNN.jpg with a pose; unpack it again")
            chosen = spread_indices(frames, self.config.frames)
            colors = [read_picture(_unpacked(phone, "rgb", frame), "RGB") for frame in chosen]
            depths = [_unpacked_depth(_unpacked(phone, "depth", frame)) for frame in chosen]
        else:
            chosen = spread_indices(frames, self.config.frames)
            colors = read_video_frames(phone / "rgb.mkv", chosen)
            depths = read_depth_frames(phone / "depth.bin", chosen)
        place = {frame: i for i, frame in enumerate(camera.frames.tolist())}
        return tuple(
            self._view(frame, color, depth, camera, place[frame])
            for frame, color, depth in zip(chosen, colors, depths, strict=True)
        )

    def _view(
        self,
        frame: int,
        color: UInt8[np.ndarray, "height width 3"],
        depth: Float[np.ndarray, "rows columns"],
        camera: PhoneCamera,
        place: int,
    ) -> View:
        intrinsics = camera.intrinsics[place]
        of_depth = resized_intrinsics(
            torch.from_numpy(intrinsics), (color.shape[1], color.shape[0]), (depth.shape[1], depth.shape[0])
        )
        pose = camera.camera_to_world[place]
        return frame_view(f"iphone {frame}", color, depth, intrinsics, of_depth.numpy(), pose, self.config)


def benchmark_classes(folder: Path) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the names of the benchmark's classes, and the class of each word of the annotators.

    Raises:
        ValueError: when ``top100.txt`` or ``map_benchmark.csv`` is absent or broken.
    """
    names = read_lines(needed_file(folder / "top100.txt", _NO_LABELS))
    place = {name: label for label, name in enumerate(names)}
    classes = dict(place)
    for row in read_table(folder / "map_benchmark.csv", ("class", "semantic_map_to"), ","):
        # An empty cell keeps the word; "None" leaves it out.
        classes[row["class"]] = place.get(row["semantic_map_to"] or row["class"], -1)
    return names, classes


def object_labels(
    scans: Path, mesh: PlyMesh, classes: dict[str, int]
) -> tuple[Int[np.ndarray, " vertices"], Int[np.ndarray, " vertices"]]:
    """Return class and object of each vertex, -1 where there is none.

    Raises:
        ValueError: when a file of annotations is absent, broken, or not of this mesh.
    """
    segments = read_segments(needed_file(scans / "segments.json", _NO_LABELS), len(mesh))
    groups = read_groups(needed_file(scans / "segments_anno.json", _NO_LABELS))
    masks = group_masks(groups, segments)
    semantic, instance = np.full(len(mesh), -1, dtype=np.int64), np.full(len(mesh), -1, dtype=np.int64)
    # The largest first, so that the smallest one of overlapping objects stays.
    for i in sorted(range(len(groups)), key=lambda i: -int(masks[i].sum())):
        label = classes.get(groups[i].label, -1)
        if label >= 0:
            semantic[masks[i]], instance[masks[i]] = label, groups[i].number
    hidden = scans / f"{Path(_MESH).stem}_mask.txt"
    if hidden.is_file():
        words = read_text(hidden).split()
        if not all(word.isdigit() and int(word) < len(mesh) for word in words):
            raise ValueError(f"{hidden}: holds something else than numbers of the {len(mesh)} vertices")
        rows = np.array(words, dtype=np.int64)
        semantic[rows], instance[rows] = -1, -1
    return semantic, instance


def read_phone_camera(path: Path) -> PhoneCamera:
    """Return the frames of a phone's recording that have a pose, in order.

    Raises:
        ValueError: when the file is absent, cut off or of another form, or no frame has a pose.
    """
    data = read_json(path)
    try:
        records = sorted((int(key.removeprefix("frame_")), value) for key, value in data.items())
        poses = np.array([value["aligned_pose"] for _, value in records], dtype=np.float64).reshape(-1, 4, 4)
        cameras = np.array([value["intrinsic"] for _, value in records], dtype=np.float64).reshape(-1, 3, 3)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: a frame lacks its aligned_pose or intrinsic ({error!r})") from error
    valid = valid_poses(poses)
    if not valid.any():
        raise ValueError(f"{path}: none of its {len(records)} frames has a pose; set views=0 for this scene")
    frames = np.array([number for number, _ in records], dtype=np.int64)
    return PhoneCamera(frames=frames[valid], intrinsics=cameras[valid], camera_to_world=poses[valid])


def _unpacked(phone: Path, folder: str, frame: int) -> Path:
    return phone / folder / f"frame_{frame:06d}.{'jpg' if folder == 'rgb' else 'png'}"


def _unpacked_depth(path: Path) -> Float[np.ndarray, "192 256"]:
    raw = read_picture(path)
    if raw.shape != DEPTH_SIZE[::-1]:
        raise ValueError(f"{path}: is {raw.shape} (rows, columns); the phone's depth is {DEPTH_SIZE[::-1]}")
    return raw.astype(np.float32) / np.float32(_MILLIMETRES)
