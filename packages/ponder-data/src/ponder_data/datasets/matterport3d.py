"""Matterport3D in its official layout, unpacked: regions of houses with labels, boxes and RGB-D pictures."""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int
from pydantic import Field

from ponder_data.indoor.boxes import joined_boxes
from ponder_data.indoor.files import checked_index, existing_folder, needed_file, read_picture
from ponder_data.indoor.frames import FrameOptions, frame_view, spread_indices, valid_poses
from ponder_data.indoor.house import House, HousePicture, panorama_regions, read_house, read_pictures
from ponder_data.indoor.ply import PlyMesh, face_to_vertex, read_ply_mesh
from ponder_data.indoor.splits import listed_splits, present_scenes, split_names, splits_of_scene
from ponder_data.labels import MATTERPORT3D
from ponder_data.scene import Boxes, Scene, View, check_scene
from ponder_data.scene_files import SceneFiles

_PATH = "the folder that holds v1/scans/ (or scans/, or the folders of the houses)"
_NO_VIEWS = "set views=0 to read no pictures"
_LIST_HINT = "copy it from tasks/benchmark of the Matterport repository, or name it with split_file"
_UNITS_PER_METRE = 4000.0
_INSTANCE_FIELDS = ("segment_id", "face_segment")
_CATEGORY_FIELDS = ("category_id", "face_category")


class Matterport3dConfig(FrameOptions):
    """Which regions of Matterport3D, and what is read of them."""

    kind: Literal["matterport3d"] = "matterport3d"
    path: Path | None = Field(default=None, description=_PATH)
    split: str = Field(
        default="train",
        description='"train", "val" or "test" by scenes_<split>.txt in the folder; "all" for what is there',
    )
    split_file: Path | None = Field(default=None, description="a list of houses, in the place of a split")


def _scans_folder(path: Path) -> Path:
    """Return the folder of the houses: this one, or one that the download makes in it."""
    return next(root for root in (path / "v1" / "scans", path / "scans", path) if root.is_dir())


def _present_houses(scans: Path) -> tuple[str, ...]:
    return tuple(
        house.name for house in sorted(scans.iterdir()) if bundle(house, "region_segmentations").is_dir()
    )


def is_matterport3d(path: Path) -> bool:
    """Return whether a folder is a download of Matterport3D, unpacked."""
    return bool(_present_houses(_scans_folder(path)))


def all_of_matterport3d(path: Path) -> "Matterport3d":
    """Return all regions of a download: with pictures where any house has them."""
    houses = (_scans_folder(path) / house for house in _present_houses(_scans_folder(path)))
    pictured = any(bundle(house, "undistorted_camera_parameters").is_dir() for house in houses)
    return Matterport3d(Matterport3dConfig(path=path, split="all", views=8 if pictured else 0))


class Matterport3d:
    """A sequence of regions (rooms) of houses, read when asked for.

    Points are the vertices of ``region_segmentations/region<n>.ply``; each has the class and instance of most of its
    triangles. Boxes are the annotated ones of ``house_segmentations/<house>.house``, set upright; their numbers are
    the house's, those of the points the region's. Views are undistorted pictures whose panorama stands in the
    region.

    Raises:
        ValueError: when the folder or the list of houses is missing, or none of its houses is there.
    """

    name = "matterport3d"
    class_names: tuple[str, ...] = MATTERPORT3D.names

    def __init__(self, config: Matterport3dConfig) -> None:
        self.config = config
        self.path = existing_folder(config.path, "Matterport3dConfig", _PATH)
        self._scans = _scans_folder(self.path)
        present = _present_houses(self._scans)
        if not present:
            raise ValueError(f"{self._scans}: holds no <house>/region_segmentations/; give {_PATH}, unpacked")
        self.regions = tuple(
            region for house in self._houses(present) for region in _regions(self._scans / house)
        )
        self._listed = listed_splits({split: [self._list(split)] for split in ("train", "val", "test")})

    def _houses(self, present: tuple[str, ...]) -> tuple[str, ...]:
        split, file = self.config.split, self.config.split_file
        if split == "all" and file is None:
            return present
        candidates = [self._list(split) if file is None else file]
        return present_scenes(split_names(candidates, _LIST_HINT), present, self._scans, split)

    def _list(self, split: str) -> Path:
        return self.path / f"scenes_{split}.txt"

    def scene_files(self, index: int) -> SceneFiles:
        """Return the files of region ``index``; the pictures' own are told by their cameras' file."""
        region = self.regions[index]
        name = _house_folder(region).name
        house = self._scans / name
        of_house = bundle(house, "house_segmentations")
        cameras = bundle(house, "undistorted_camera_parameters") / f"{name}.conf"
        return SceneFiles(
            cloud=(region,),
            annotation=(of_house / f"{name}.house",),
            recording=(cameras, of_house / "panorama_to_region.txt") if self.config.frames else (),
        )

    def scene_splits(self, index: int) -> tuple[str, ...]:
        """Return the splits of the house of region ``index``, by ``scenes_<split>.txt``."""
        return splits_of_scene(_house_folder(self.regions[index]).name, self._listed, self.config.split)

    def __len__(self) -> int:
        return len(self.regions)

    def __getitem__(self, index: int) -> Scene:
        """Read region ``index``.

        Raises:
            IndexError: when there is no such region.
            ValueError: when one of its files is absent or broken.
        """
        path = self.regions[checked_index(index, len(self), "region")]
        name = _house_folder(path).name
        folder = self._scans / name
        number = _number(path)
        mesh = read_ply_mesh(path)
        house = read_house(bundle(folder, "house_segmentations") / f"{name}.house")
        semantic, instance = vertex_labels(mesh, house)
        views, held_out = self.config.divided(self._views(folder, number) if self.config.frames else ())
        return check_scene(
            Scene(
                name=f"{name}/{path.stem}",
                dataset=self.name,
                coord=torch.from_numpy(mesh.coord),
                color=torch.from_numpy(mesh.color()).float() / 255.0,
                normal=torch.from_numpy(mesh.normal()),
                semantic=torch.from_numpy(semantic),
                instance=torch.from_numpy(instance),
                boxes=region_boxes(house, number),
                views=views,
                held_out_views=held_out,
                class_names=self.class_names,
            )
        )

    def _views(self, house: Path, region: int) -> tuple[View, ...]:
        """Return views of a region; none where no panorama stands in it, as in some closets."""
        place = panorama_regions(
            needed_file(bundle(house, "house_segmentations") / "panorama_to_region.txt", _NO_VIEWS)
        )
        pictures = read_pictures(
            needed_file(bundle(house, "undistorted_camera_parameters") / f"{house.name}.conf", _NO_VIEWS)
        )
        here = [
            i
            for i, picture in enumerate(pictures)
            if place.get(picture.panorama) == region and valid_poses(picture.camera_to_world[None])[0]
        ]
        return tuple(self._view(house, pictures[i]) for i in spread_indices(here, self.config.frames))

    def _view(self, house: Path, picture: HousePicture) -> View:
        path = bundle(house, "undistorted_depth_images") / picture.depth
        raw = read_picture(path)
        if raw.ndim != 2:
            raise ValueError(f"{path}: is no picture of depth; unpack it again")
        color = read_picture(bundle(house, "undistorted_color_images") / picture.color, "RGB")
        return frame_view(
            Path(picture.color).stem,
            color,
            raw.astype(np.float32) / np.float32(_UNITS_PER_METRE),
            picture.intrinsics(color.shape[0]),
            picture.intrinsics(raw.shape[0]),
            picture.camera_to_world,
            self.config,
        )


def bundle(house: Path, name: str) -> Path:
    """Return the folder of an archive; unpacking in place gives ``<house>/<house>/<name>``."""
    nested = house / house.name / name
    return nested if nested.is_dir() else house / name


def _number(region: Path) -> int:
    return int(region.stem.removeprefix("region"))


def _house_folder(region: Path) -> Path:
    """Return the (innermost) folder of the house that a region's file lies in."""
    return region.parent.parent


def _regions(house: Path) -> tuple[Path, ...]:
    files = bundle(house, "region_segmentations").glob("region*.ply")
    regions = [path for path in files if path.stem.removeprefix("region").isdigit()]
    if not regions:
        raise ValueError(f"{bundle(house, 'region_segmentations')}: holds no region<n>.ply; unpack it again")
    return tuple(sorted(regions, key=_number))


def vertex_labels(
    mesh: PlyMesh, house: House
) -> tuple[Int[np.ndarray, " vertices"], Int[np.ndarray, " vertices"]]:
    """Return classes and instances of the vertices of a region, from those of its triangles.

    Raises:
        ValueError: when the triangles have none, or a category that the house does not list.
    """

    def of_faces(names: tuple[str, ...]) -> np.ndarray:
        found = next((mesh.face_fields[name] for name in names if name in mesh.face_fields), None)
        if found is None:
            raise ValueError(
                f"{mesh.path}: its faces have no {names[0]}; take the file of region_segmentations"
            )
        return found.astype(np.int64)

    category = of_faces(_CATEGORY_FIELDS)
    unknown = set(np.unique(category[category > 0]).tolist()) - set(house.categories)
    if unknown:
        raise ValueError(
            f"{mesh.path}: has faces of category {min(unknown)}, which the house's .house file does not list; "
            "take both from the same download"
        )
    table = np.zeros(max(int(category.max(initial=0)), *house.categories, 0) + 1, dtype=np.int64)
    table[list(house.categories)] = list(house.categories.values())
    mpcat40 = torch.from_numpy(np.where(category > 0, table[category.clip(0)], 0))
    labels = MATTERPORT3D.from_raw(mpcat40).numpy()
    return (
        face_to_vertex(labels, mesh.faces, len(mesh)),
        face_to_vertex(of_faces(_INSTANCE_FIELDS), mesh.faces, len(mesh)),
    )


def region_boxes(house: House, region: int) -> Boxes:
    """Return the boxes of a region's objects that are of a class."""
    here = [item for item in house.objects if item.region == region]
    labels = MATTERPORT3D.from_raw(torch.tensor([item.category for item in here], dtype=torch.int64)).tolist()
    return joined_boxes([item.box(label) for item, label in zip(here, labels, strict=True) if label >= 0])
