"""Pictures of one object from all around, in the layout of IDR and NeuS: their DTU and BlendedMVS scans, and your own.

Layout: ``cameras_sphere.npz`` (or ``cameras.npz``) with, for picture ``i``, ``world_mat_i`` (4x4, which projects the
files' world into it) and ``scale_mat_i`` (4x4, which takes the unit sphere about the object to that world); pictures in
``image/`` or ``images/``; masks of the object, where there are any, in ``mask/`` or ``masks/``. Both in the order of
their names. Without masks, the cloud is read from ``sparse_points_interest.ply`` or ``sparse_points.ply``, as the
preparation that comes with NeuS leaves them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field

from ponder_data.datasets.projection_matrix import split_projection
from ponder_data.datasets.rgbd_folder import PICTURE_ERRORS, picture_size, read_color
from ponder_data.datasets.rgbd_sequence import resized_intrinsics, resized_size
from ponder_data.datasets.scan_file import read_scan
from ponder_data.datasets.upright import Up, axis_direction, mean_direction, upright_rotation
from ponder_data.fusion import Cloud
from ponder_data.scene import Scene, View, check_scene
from ponder_data.scene_files import SceneFiles, ViewFiles
from ponder_data.visual_hull import visual_hull

BACKGROUND, OBJECT = 0, 1
"""Labels of the pixels of a mask."""

_CAMERA_FILES = ("cameras_sphere.npz", "cameras.npz")
_POINT_FILES = ("sparse_points_interest.ply", "sparse_points.ply")
_ENDINGS = (".png", ".jpg", ".jpeg")


class MultiViewConfig(BaseModel):
    """A folder of pictures of one object, with masks and cameras."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["multi_view"] = "multi_view"
    path: Path | None = Field(default=None, description="the folder")
    split: Literal["train", "val"] = Field(default="train", description="val also shows the held-out views")
    held_out_every: int = Field(
        default=8, ge=0, description="every n-th view is held out of cloud and views; 0 or 1: none"
    )
    image_width: int | None = Field(
        default=None, ge=1, description="resize to this width; None: from the height"
    )
    image_height: int | None = Field(
        default=None, ge=1, description="resize to this height; None: from the width"
    )
    pixel_centers: Literal["integer", "half"] = Field(
        default="integer",
        description="where the cameras of the files see the first pixel's centre: (0, 0), as IDR and NeuS read them, "
        "or (1/2, 1/2), as in pictures that were made smaller together with their cameras",
    )
    metres_per_unit: float | None = Field(
        default=None,
        gt=0,
        description="of the files' world, 0.001 for DTU; None: the unit sphere about the object stays one",
    )
    up: Up = Field(
        default="z",
        description="what becomes +Z: an axis of the files' world; auto: the mean of the cameras' up",
    )
    hull_cells: int = Field(default=96, ge=8, le=512, description="cells of the cloud across the unit sphere")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """Where one picture lies, and its camera in the frame of the unit sphere."""

    color: Path
    mask: Path | None
    intrinsics: Float[np.ndarray, "3 3"]
    camera_to_world: Float[np.ndarray, "4 4"]


class MultiViewFolder:
    """One scene: an object, seen in pictures without depth.

    Views carry the masks as labels, "background" and "object"; their depth is missing everywhere. The cloud is the
    visual hull of the masks within the unit sphere (outline only: hollows are filled), coloured by the views, or,
    without masks, the points in the folder.

    Coordinates are those of the unit sphere, not metres, unless ``config.metres_per_unit`` is set.

    Raises:
        ValueError: when ``config.path`` is missing, or holds no cameras, or not as many pictures and masks.
    """

    name = "multi_view"
    class_names: tuple[str, ...] = ("background", "object")

    def __init__(self, config: MultiViewConfig) -> None:
        if config.path is None:
            raise ValueError("MultiViewConfig.path is not set; give the folder that holds cameras_sphere.npz")
        self.config = config
        self.path = config.path
        self._pictures, self._sphere = _read_folder(config.path)
        ups = np.stack([-picture.camera_to_world[:3, 1] for picture in self._pictures])
        self._upright = upright_rotation(
            mean_direction(ups) if config.up == "auto" else axis_direction(config.up)
        )

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Scene:
        """Read the pictures and make the cloud.

        Raises:
            IndexError: when ``index`` is not 0.
            ValueError: when a picture cannot be read, or there is nothing to make a cloud of.
        """
        if index != 0:
            raise IndexError(f"scene {index} of 1: the only valid index is 0")
        every, views = self.config.held_out_every, self.views()
        held_out = [every > 1 and i % every == every // 2 for i in range(len(views))]
        kept = tuple(view for view, out in zip(views, held_out, strict=True) if not out)
        apart = tuple(view for view, out in zip(views, held_out, strict=True) if out)
        cloud = self._cloud(kept)
        return check_scene(
            Scene(
                name=self.path.resolve().name,
                dataset=self.name,
                coord=cloud.coord,
                color=cloud.color,
                normal=cloud.normal,
                views=kept,
                held_out_views=apart if self.config.split == "val" else (),
                class_names=self.class_names,
            )
        )

    def scene_files(self, index: int) -> SceneFiles:
        """Return the pictures and the file of the cameras."""
        cameras = next((self.path / name for name in _CAMERA_FILES if (self.path / name).is_file()), None)
        return SceneFiles(
            views=tuple(
                ViewFiles(name=picture.color.stem, color=picture.color, pose=cameras)
                for picture in self._pictures
            )
        )

    def scene_splits(self, index: int) -> tuple[str, ...]:
        """Return both splits: only ``val`` shows the held-out views."""
        return ("train", "val")

    def views(self) -> tuple[View, ...]:
        """Read all pictures, in the order of their names; no cloud is made.

        Raises:
            ValueError: when a picture cannot be read.
        """
        return tuple(self._view(picture) for picture in self._pictures)

    def _scale(self) -> float:
        """Return the length of the sphere's radius in the scene."""
        unit = self.config.metres_per_unit
        return 1.0 if unit is None else unit * float(self._sphere[0, 0])

    def _placed(self, point: Float[np.ndarray, "*rows 3"]) -> Float[np.ndarray, "*rows 3"]:
        """Return points of the sphere's frame in that of the scene."""
        unit = self.config.metres_per_unit
        shift = 0.0 if unit is None else unit * self._sphere[:3, 3]
        return (self._scale() * point + shift) @ self._upright.T

    def _view(self, picture: _Picture) -> View:
        full = _size(picture.color)
        size = resized_size(full, self.config.image_width, self.config.image_height)
        intrinsics = torch.from_numpy(picture.intrinsics.copy())
        if self.config.pixel_centers == "half":
            intrinsics[:2, 2] -= 0.5
        pose = np.eye(4)
        pose[:3, :3] = self._upright @ picture.camera_to_world[:3, :3]
        pose[:3, 3] = self._placed(picture.camera_to_world[:3, 3])
        semantic = None
        if picture.mask is not None:
            if _size(picture.mask) != full:
                raise ValueError(
                    f"{picture.mask}: is {_size(picture.mask)} pixels, its picture {full}; they must agree"
                )
            white = torch.from_numpy(read_color(picture.mask, size)).float().mean(dim=2) > 127.5
            semantic = torch.where(white, OBJECT, BACKGROUND)
        return View(
            name=picture.color.stem,
            color=torch.from_numpy(read_color(picture.color, size)).float() / 255.0,
            depth=torch.zeros(size[1], size[0]),
            intrinsics=resized_intrinsics(intrinsics, full, size).float(),
            camera_to_world=torch.from_numpy(pose).float(),
            semantic=semantic,
        )

    def _cloud(self, views: tuple[View, ...]) -> Cloud:
        if all(view.semantic is not None for view in views):
            middle = torch.from_numpy(self._placed(np.zeros(3))).float()
            return visual_hull(views, OBJECT, middle, self._scale(), self.config.hull_cells)
        file = next((self.path / name for name in _POINT_FILES if (self.path / name).is_file()), None)
        if file is None:
            raise ValueError(
                f"{self.path}: has no masks (mask/) and no points ({' or '.join(_POINT_FILES)}); a scene needs one "
                "of them to make its cloud of"
            )
        scan = read_scan(file)
        sphere = (scan.coord.double().numpy() - self._sphere[:3, 3]) / self._sphere[0, 0]
        near = np.linalg.norm(sphere, axis=1) < 1.0
        return Cloud(
            coord=torch.from_numpy(self._placed(sphere[near])).float(),
            color=scan.color[torch.from_numpy(near)],
            normal=scan.normal[torch.from_numpy(near)] @ torch.from_numpy(self._upright.T.copy()).float(),
        )


def is_multi_view(path: Path) -> bool:
    """Return whether a folder has this layout."""
    return any((path / name).is_file() for name in _CAMERA_FILES) and bool(_picture_files(path, "image"))


def _read_folder(path: Path) -> tuple[tuple[_Picture, ...], Float[np.ndarray, "4 4"]]:
    """Return the pictures of a folder, and what takes the unit sphere to the files' world."""
    file = next((path / name for name in _CAMERA_FILES if (path / name).is_file()), None)
    if file is None:
        raise ValueError(
            f"{path}: holds no {' or '.join(_CAMERA_FILES)}; give a folder in the layout of IDR and NeuS, with image/, "
            "mask/ and this file"
        )
    colors, masks = _picture_files(path, "image"), _picture_files(path, "mask")
    if not colors or (masks and len(masks) != len(colors)):
        raise ValueError(
            f"{path}: has {len(colors)} pictures in image/ and {len(masks)} in mask/; give as many, or no masks"
        )
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as cameras:
        lacking = [
            name
            for i in range(len(colors))
            for name in (f"world_mat_{i}", f"scale_mat_{i}")
            if name not in cameras.files
        ]
        if lacking:
            raise ValueError(
                f"{file}: has no {lacking[0]}, but there are {len(colors)} pictures; copy it again"
            )
        sphere = cameras["scale_mat_0"].astype(np.float64)
        projections = [
            (cameras[f"world_mat_{i}"].astype(np.float64) @ cameras[f"scale_mat_{i}"])[:3, :4]
            for i in range(len(colors))
        ]
    if not np.allclose(sphere[:3, :3], sphere[0, 0] * np.eye(3), rtol=1e-4):
        raise ValueError(
            f"{file}: scale_mat_0 is {sphere.tolist()}; expected one scale for all axes, no rotation"
        )
    pictures = []
    for i, projection in enumerate(projections):
        intrinsics, pose = split_projection(projection)
        pictures.append(
            _Picture(
                color=colors[i], mask=masks[i] if masks else None, intrinsics=intrinsics, camera_to_world=pose
            )
        )
    return tuple(pictures), sphere


def _picture_files(path: Path, name: str) -> list[Path]:
    """Return the pictures of the subfolder of a name, or of its plural, by name."""
    for folder in (path / name, path / f"{name}s"):
        if folder.is_dir():
            return sorted(file for file in folder.iterdir() if file.suffix.lower() in _ENDINGS)
    return []


def _size(path: Path) -> tuple[int, int]:
    try:
        return picture_size(path)
    except PICTURE_ERRORS as error:
        raise ValueError(f"{path}: cannot be read as a picture ({error}); copy it again") from error
