"""ScanNet v2 in its official layout: meshes with labels and instances, and frames straight from ``.sens`` files."""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import Field

from ponder_data.datasets.rgbd_sequence import resized_intrinsics
from ponder_data.indoor.boxes import instance_boxes
from ponder_data.indoor.files import checked_index, existing_folder, needed_file, read_lines
from ponder_data.indoor.frames import (
    FrameOptions,
    frame_view,
    labels_at_depth,
    spread_indices,
    valid_poses,
)
from ponder_data.indoor.ply import PlyMesh, read_ply_mesh
from ponder_data.indoor.scannet_labels import (
    LABELS_FILE,
    category_classes,
    number_classes,
    read_label_pictures,
)
from ponder_data.indoor.segments import group_masks, read_groups, read_segments
from ponder_data.indoor.sens import SYNTHETIC_SENSOR, SensFile, open_sens
from ponder_data.indoor.splits import listed_splits, present_scenes, split_names, splits_of_scene
from ponder_data.labels import SCANNET20, SCANNET200
from ponder_data.scene import Boxes, Scene, View, check_scene
from ponder_data.scene_files import SceneFiles

_FOLDERS = ("scans", "scans_test")
_SPLITS = ("train", "val", "test")
_PATH = "the folder that holds scans/, as the official download script makes it"
_NO_VIEWS = "set views=0 to read no pictures"
_NO_LABELS = "set labels=None to read no classes"
_UNALIGNED = "set axis_aligned=False to leave scenes as they were scanned"
_LIST_HINT = "copy it from Tasks/Benchmark of the ScanNet repository, or name it with split_file"


class ScanNetConfig(FrameOptions):
    """Which scenes of ScanNet v2, and what is read of them."""

    kind: Literal["scannet"] = "scannet"
    path: Path | None = Field(default=None, description=_PATH)
    split: str = Field(
        default="train",
        description='"train", "val" or "test" by scannetv2_<split>.txt in the folder; "all" for what is there',
    )
    split_file: Path | None = Field(default=None, description="a list of scenes, in the place of a split")
    labels: Literal["scannet20", "scannet200"] | None = Field(
        default="scannet20", description="classes of the points; None: none are read"
    )
    labels_file: Path | None = Field(
        default=None, description=f"{LABELS_FILE}, for scannet200 and picture_labels; None: in the folder"
    )
    picture_labels: bool = Field(
        default=False,
        description="views have classes and instances, of <scene>_2d-label-filt.zip and _2d-instance-filt.zip",
    )
    axis_aligned: bool = Field(
        default=True,
        description="turn scenes so that walls run along x and y, by axisAlignment in <scene>.txt",
    )


def is_scannet(path: Path) -> bool:
    """Return whether a folder is a download of ScanNet v2."""
    return any(
        next(path.glob(f"{folder}/scene*/scene*_vh_clean_2.ply"), None) is not None for folder in _FOLDERS
    )


def all_of_scannet(path: Path) -> "ScanNet":
    """Return all scans of a download: with pictures and labels where any scan has them."""

    def some(ending: str) -> bool:
        return next(path.glob(f"scans*/scene*/scene*{ending}"), None) is not None

    return ScanNet(
        ScanNetConfig(
            path=path,
            split="all",
            views=8 if some(".sens") else 0,
            labels="scannet20" if some("_vh_clean_2.labels.ply") else None,
        )
    )


class ScanNet:
    """A sequence of scans, read when asked for.

    Points are the vertices of ``<scene>_vh_clean_2.ply``; normals the mean of their triangles'. With
    ``scannet20``, classes come from ``<scene>_vh_clean_2.labels.ply``; with ``scannet200``, from the words of the
    annotators through the table of categories, as the benchmark's script does. Instances are the objects of
    ``<scene>.aggregation.json``; boxes are axis-aligned around them, after the alignment. The test scans have no
    labels. Views are frames of ``<scene>.sens``, read by number; their labels, where asked for, come straight from
    the archives.

    Raises:
        ValueError: when the folder or the list of scenes is missing, or none of its scenes is there.
    """

    name = "scannet"

    def __init__(self, config: ScanNetConfig) -> None:
        self.config = config
        self.path = existing_folder(config.path, "ScanNetConfig", _PATH)
        self._folders = {
            scene.name: scene
            for folder in _FOLDERS
            for scene in sorted((self.path / folder).glob("scene*"))
            if scene.is_dir()
        }
        if not self._folders:
            raise ValueError(f"{self.path}: holds no scans/scene*; give {_PATH}")
        self.scenes = self._names()
        self._listed = listed_splits({split: self._lists(split) for split in _SPLITS})
        self._labels = {"scannet20": SCANNET20, "scannet200": SCANNET200, None: None}[config.labels]
        self.class_names: tuple[str, ...] = () if self._labels is None else self._labels.names
        self._categories: dict[str, int] | None = None
        self._numbers: np.ndarray | None = None
        if config.split == "test":
            return
        if config.labels == "scannet200":
            self._categories = category_classes(self._labels_file(), SCANNET200, "id")
        elif config.labels == "scannet20" and config.picture_labels and config.frames:
            self._numbers = number_classes(self._labels_file(), SCANNET20)

    def _names(self) -> tuple[str, ...]:
        split, file = self.config.split, self.config.split_file
        if split == "all" and file is None:
            return tuple(self._folders)
        candidates = self._lists(split) if file is None else [file]
        return present_scenes(split_names(candidates, _LIST_HINT), tuple(self._folders), self.path, split)

    def _lists(self, split: str) -> list[Path]:
        own = f"scannetv2_{split}.txt"
        return [self.path / own, self.path / "Tasks" / "Benchmark" / own]

    def scene_files(self, index: int) -> SceneFiles:
        """Return the files of scan ``index``; labels and pictures only where they are read."""
        name = self.scenes[index]
        folder = self._folders[name]
        clean = f"{name}_vh_clean_2"
        labelled = not self._unlabelled(folder)
        annotation = [folder / f"{clean}.0.010000.segs.json", folder / f"{name}.aggregation.json"]
        recording = [folder / f"{name}.sens"]
        if self.config.picture_labels and labelled:
            recording += [folder / f"{name}_2d-{kind}-filt.zip" for kind in ("label", "instance")]
        return SceneFiles(
            cloud=(folder / f"{clean}.ply", *([folder / f"{name}.txt"] if self.config.axis_aligned else [])),
            labels=folder / f"{clean}.labels.ply" if labelled and self._categories is None else None,
            annotation=tuple(annotation) if labelled else (),
            recording=tuple(recording) if self.config.frames else (),
        )

    def scene_splits(self, index: int) -> tuple[str, ...]:
        """Return the splits of scan ``index``, by ``scannetv2_<split>.txt``."""
        return splits_of_scene(self.scenes[index], self._listed, self.config.split)

    def _labels_file(self) -> Path:
        if self.config.labels_file is not None:
            return self.config.labels_file
        beside = self.path / "tasks" / LABELS_FILE
        return beside if beside.is_file() else self.path / LABELS_FILE

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int) -> Scene:
        """Read scan ``index``.

        Raises:
            IndexError: when there is no such scan.
            ValueError: when one of its files is absent, cut off, or does not fit the others.
        """
        name = self.scenes[checked_index(index, len(self), "scan")]
        folder = self._folders[name]
        mesh = read_ply_mesh(folder / f"{name}_vh_clean_2.ply")
        alignment = (
            axis_alignment(needed_file(folder / f"{name}.txt", _UNALIGNED))
            if self.config.axis_aligned
            else np.eye(4)
        )
        coord = (mesh.coord @ alignment[:3, :3].T + alignment[:3, 3]).astype(np.float32)
        semantic, instance, boxes = self._annotation(folder, name, mesh, coord)
        views, held_out = self._views(folder, alignment)
        return check_scene(
            Scene(
                name=name,
                dataset=self.name,
                coord=torch.from_numpy(coord),
                color=torch.from_numpy(mesh.color()).float() / 255.0,
                normal=torch.from_numpy((mesh.normal() @ alignment[:3, :3].T).astype(np.float32)),
                semantic=None if semantic is None else torch.from_numpy(semantic),
                instance=None if instance is None else torch.from_numpy(instance),
                boxes=boxes,
                views=views,
                held_out_views=held_out,
                class_names=self.class_names,
            )
        )

    def _annotation(
        self, folder: Path, name: str, mesh: PlyMesh, coord: Float[np.ndarray, "points 3"]
    ) -> tuple[Int[np.ndarray, " points"] | None, Int[np.ndarray, " points"] | None, Boxes | None]:
        """Return classes, instances and boxes; None where the scan has none."""
        if self._unlabelled(folder):
            return None, None, None
        segments = read_segments(
            needed_file(folder / f"{name}_vh_clean_2.0.010000.segs.json", _NO_LABELS), len(mesh)
        )
        groups = read_groups(needed_file(folder / f"{name}.aggregation.json", _NO_LABELS))
        masks = group_masks(groups, segments)
        instance = np.full(len(mesh), -1, dtype=np.int64)
        for group, mask in zip(groups, masks, strict=True):
            instance[mask] = group.number
        if self._categories is None:
            semantic = labels_of_mesh(
                needed_file(folder / f"{name}_vh_clean_2.labels.ply", _NO_LABELS), len(mesh)
            )
        else:
            semantic = np.full(len(mesh), -1, dtype=np.int64)
            for group, mask in zip(groups, masks, strict=True):
                semantic[mask] = self._categories.get(group.label, -1)
        return semantic, instance, instance_boxes(coord, instance, semantic)

    def _views(
        self, folder: Path, alignment: Float[np.ndarray, "4 4"]
    ) -> tuple[tuple[View, ...], tuple[View, ...]]:
        """Return views and held-out views."""
        if not self.config.frames:
            return (), ()
        path = needed_file(folder / f"{folder.name}.sens", _NO_VIEWS)
        sens = open_sens(path)
        tracked = np.flatnonzero(valid_poses(sens.camera_to_world)).tolist()
        if not tracked:
            raise ValueError(f"{path}: none of its {len(sens)} frames has a pose; set views=0 for this scan")
        chosen = spread_indices(tracked, self.config.frames)
        labels = self._picture_labels(sens, chosen)
        views = tuple(
            frame_view(
                f"frame {frame}",
                sens.color(frame),
                sens.depth(frame),
                sens.color_intrinsics,
                sens.depth_intrinsics,
                alignment @ sens.camera_to_world[frame],
                self.config,
                semantic=semantic,
                instance=instance,
                source="synthetic" if sens.sensor == SYNTHETIC_SENSOR else "camera",
            )
            for frame, (semantic, instance) in zip(chosen, labels, strict=True)
        )
        return self.config.divided(views)

    def _picture_labels(
        self, sens: SensFile, frames: list[int]
    ) -> list[tuple[Int[np.ndarray, "rows columns"] | None, Int[np.ndarray, "rows columns"] | None]]:
        """Return classes and instances of the pixels of depth of some frames; None where none are read."""
        folder, name = sens.path.parent, sens.path.stem
        if self._unlabelled(folder) or not self.config.picture_labels:
            return [(None, None)] * len(frames)
        raw = read_label_pictures(folder / f"{name}_2d-label-filt.zip", "label-filt", frames)
        # Objects are numbered from 1 in pictures, 0 is none.
        objects = read_label_pictures(folder / f"{name}_2d-instance-filt.zip", "instance-filt", frames)

        def at_depth(image: Int[np.ndarray, "rows columns"]) -> Int[np.ndarray, "height width"]:
            full, size = (image.shape[1], image.shape[0]), sens.depth_size
            intrinsics = torch.from_numpy(sens.color_intrinsics)
            own = resized_intrinsics(intrinsics, sens.color_size, full).numpy()
            return labels_at_depth(image, own, sens.depth_intrinsics, size)

        return [
            (at_depth(self._classes(numbers)), at_depth(number - 1))
            for numbers, number in zip(raw, objects, strict=True)
        ]

    def _classes(self, numbers: Int[np.ndarray, "rows columns"]) -> Int[np.ndarray, "rows columns"]:
        """Return the classes of raw categories' numbers."""
        if self._numbers is None:
            return SCANNET200.from_raw(torch.from_numpy(numbers)).numpy()
        known = numbers < len(self._numbers)
        return np.where(known, self._numbers[np.where(known, numbers, 0)], -1)

    def _unlabelled(self, folder: Path) -> bool:
        return self._labels is None or self.config.split == "test" or folder.parent.name == "scans_test"


def labels_of_mesh(path: Path, vertices: int) -> Int[np.ndarray, " vertices"]:
    """Return the ScanNet20 classes in a ``.labels.ply`` file, whose vertices carry NYU40 ids.

    Raises:
        ValueError: when it is absent, cut off, or not of a mesh of so many vertices.
    """
    mesh = read_ply_mesh(path)
    if len(mesh) != vertices:
        raise ValueError(
            f"{path}: labels {len(mesh)} vertices, but the mesh has {vertices}; take both from the same download"
        )
    raw = torch.from_numpy(mesh.vertex_field("label").astype(np.int64))
    return SCANNET20.from_raw(raw).numpy()


def axis_alignment(path: Path) -> Float[np.ndarray, "4 4"]:
    """Return ``axisAlignment`` of a scene's ``.txt`` file; the identity where it has none, as for test scans.

    Raises:
        ValueError: when the file cannot be read, or the matrix is no rigid motion.
    """
    for line in read_lines(path):
        key, _, value = line.partition("=")
        if key.strip() == "axisAlignment":
            try:
                matrix = np.array(value.split(), dtype=np.float64).reshape(4, 4)
            except ValueError as error:
                raise ValueError(f"{path}: axisAlignment is not 16 numbers; download it again") from error
            if not valid_poses(matrix[None])[0]:
                raise ValueError(f"{path}: axisAlignment is no rigid motion; download it again")
            return matrix
    return np.eye(4)
