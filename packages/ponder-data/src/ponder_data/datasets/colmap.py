"""Pictures whose cameras COLMAP found (Schönberger and Frahm, "Structure-from-motion revisited", CVPR 2016).

Layout: a model, which is ``cameras``, ``images`` and ``points3D`` as ``.bin`` or ``.txt``, in the folder itself, in
``sparse/`` or in ``sparse/0/``, ``sparse/1/`` ...; the pictures in ``images/``. ``pycolmap`` (extra ``colmap``) reads
both forms and knows every lens that COLMAP does.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ponder_data.datasets.rgbd_folder import read_color
from ponder_data.datasets.rgbd_sequence import resized_intrinsics, resized_size
from ponder_data.datasets.undistortion import pinhole_inside, undistorted
from ponder_data.datasets.upright import Up, axis_direction, mean_direction, upright_rotation
from ponder_data.depth import project
from ponder_data.normals import estimate_normals
from ponder_data.optional import load_pycolmap
from ponder_data.scene import Scene, View, check_scene

_MODEL_FILES = ("cameras", "images", "points3D")
_ENDINGS = (".bin", ".txt")


class ColmapConfig(BaseModel):
    """The models in a folder of COLMAP, and their pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["colmap"] = "colmap"
    path: Path | None = Field(
        default=None, description="the folder that holds sparse/ and images/, or a model"
    )
    images: Path | None = Field(default=None, description="the folder of pictures; None: images/ in path")
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
    metres_per_unit: float = Field(
        default=1.0, gt=0, description="of the model, whose scale pictures alone cannot tell"
    )
    up: Up = Field(
        default="auto", description="what becomes +Z: an axis of the model; auto: the mean of the cameras' up"
    )
    least_views: int = Field(
        default=2, ge=1, description="points that fewer views (not held out) saw are left out"
    )
    largest_error: float = Field(
        default=4.0, gt=0, description="points that miss their pixels by more on average are left out, pixels"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Points:
    """Points of a model, in the frame of the scene."""

    coord: Float[Tensor, "points 3"]
    color: Float[Tensor, "points 3"]
    seen_by: Bool[np.ndarray, "points views"]


class ColmapModels:
    """One scene for each model: its pictures, undistorted, and its points.

    Depth of views is sparse: that of the points that COLMAP saw in each, at their pixels. Lenses with distortion become
    pinholes that are zoomed in until every pixel has been measured. Normals of the points are estimated from their
    neighbours, on the side of a camera that saw them. Lengths are metres only where ``config.metres_per_unit``
    is right.

    Raises:
        ImportError: naming the extra, where pycolmap is not installed.
        ValueError: when ``config.path`` is missing, or holds no model or no pictures.
    """

    name = "colmap"
    class_names: tuple[str, ...] = ()

    def __init__(self, config: ColmapConfig) -> None:
        if config.path is None:
            raise ValueError("ColmapConfig.path is not set; give the folder that holds sparse/ and images/")
        self.config = config
        self.path = config.path
        load_pycolmap()
        self.models = tuple(model_folders(config.path))
        self.images = config.images or config.path / "images"
        if not self.models:
            raise ValueError(
                f"{config.path}: holds no model; expected cameras.bin or .txt here or in sparse/"
            )
        if not self.images.is_dir():
            raise ValueError(f"{self.images}: no such folder; set images to the folder of the pictures")

    def __len__(self) -> int:
        return len(self.models)

    def __getitem__(self, index: int) -> Scene:
        """Read model ``index`` and its pictures.

        Raises:
            ValueError: when the model or a picture cannot be read, or too few points are left.
        """
        folder = self.models[index]
        model = _read_model(folder)
        images = sorted((model.images[i] for i in model.reg_image_ids()), key=lambda image: image.name)
        if not images:
            raise ValueError(f"{folder}: no picture has a pose; build the model again")
        poses = [_camera_to_world(image) for image in images]
        ups = np.stack([-pose[:3, 1] for pose in poses])
        up = mean_direction(ups) if self.config.up == "auto" else axis_direction(self.config.up)
        rotation = upright_rotation(up)
        every = self.config.held_out_every
        held_out = np.array([every > 1 and i % every == every // 2 for i in range(len(images))])
        points = self._points(model, images, rotation)
        views = [
            self._view(image, pose, rotation, points.coord[torch.from_numpy(points.seen_by[:, i])])
            for i, (image, pose) in enumerate(zip(images, poses, strict=True))
            if self.config.split == "val" or not held_out[i]
        ]
        shown = [i for i in range(len(images)) if self.config.split == "val" or not held_out[i]]
        # Held-out views must not have made the cloud.
        kept = torch.from_numpy(points.seen_by[:, ~held_out].sum(axis=1) >= self.config.least_views)
        coord = points.coord[kept]
        if len(coord) < 3:
            raise ValueError(
                f"{folder}: {len(coord)} points are seen by at least {self.config.least_views} views with an error of "
                f"at most {self.config.largest_error:g} pixels; 3 are needed; allow fewer views or larger errors"
            )
        centres = torch.stack(
            [view.camera_to_world[:3, 3] for view, i in zip(views, shown, strict=True) if not held_out[i]]
        )
        first = torch.from_numpy(points.seen_by[:, ~held_out].argmax(axis=1))[kept]
        normal = estimate_normals(coord)
        away = ((centres[first] - coord) * normal).sum(dim=1, keepdim=True) < 0
        return check_scene(
            Scene(
                name=f"{self.path.resolve().name}/{folder.name}"
                if len(self) > 1
                else self.path.resolve().name,
                dataset=self.name,
                coord=coord,
                color=points.color[kept],
                normal=torch.where(away, -normal, normal),
                views=tuple(view for view, i in zip(views, shown, strict=True) if not held_out[i]),
                held_out_views=tuple(view for view, i in zip(views, shown, strict=True) if held_out[i]),
            )
        )

    def _points(self, model: Any, images: list[Any], rotation: np.ndarray) -> _Points:
        """Return the points whose error is small enough, and which pictures saw them."""
        column = {image.image_id: number for number, image in enumerate(images)}
        found = [point for point in model.points3D.values() if point.error <= self.config.largest_error]
        seen_by = np.zeros((len(found), len(images)), dtype=bool)
        for row, point in enumerate(found):
            seen_by[row, [column[e.image_id] for e in point.track.elements if e.image_id in column]] = True
        coord = (
            np.array([point.xyz for point in found]).reshape(-1, 3) @ rotation.T * self.config.metres_per_unit
        )
        color = np.array([point.color for point in found], dtype=np.float32).reshape(-1, 3) / 255.0
        return _Points(
            coord=torch.from_numpy(coord).float(), color=torch.from_numpy(color).float(), seen_by=seen_by
        )

    def _view(
        self, image: Any, pose: np.ndarray, rotation: np.ndarray, points: Float[Tensor, "points 3"]
    ) -> View:
        camera = image.camera
        full = (int(camera.width), int(camera.height))
        size = resized_size(full, self.config.image_width, self.config.image_height)
        # COLMAP counts from the corner of the first pixel, we from its centre.
        matrix = camera.calibration_matrix().copy()
        matrix[:2, 2] -= 0.5
        intrinsics = resized_intrinsics(torch.from_numpy(matrix), full, size)
        color = torch.from_numpy(read_color(self.images / image.name, size)).float() / 255.0
        if not camera.is_undistorted():
            ratio = np.array(size) / np.array(full)

            def to_pixel(places: np.ndarray) -> np.ndarray:
                return np.asarray(camera.img_from_cam(places)) * ratio - 0.5

            pinhole = pinhole_inside(to_pixel, intrinsics.numpy(), size)
            color, intrinsics = undistorted(color, to_pixel, pinhole), torch.from_numpy(pinhole)
        placed = np.eye(4)
        placed[:3, :3] = rotation @ pose[:3, :3]
        placed[:3, 3] = rotation @ pose[:3, 3] * self.config.metres_per_unit
        camera_to_world = torch.from_numpy(placed).float()
        return View(
            name=Path(image.name).with_suffix("").as_posix(),
            color=color,
            depth=sparse_depth(points, intrinsics.float(), camera_to_world, size),
            intrinsics=intrinsics.float(),
            camera_to_world=camera_to_world,
        )


def sparse_depth(
    points: Float[Tensor, "points 3"],
    intrinsics: Float[Tensor, "3 3"],
    camera_to_world: Float[Tensor, "4 4"],
    size: tuple[int, int],
) -> Float[Tensor, "height width"]:
    """Return the z-depth of points at the pixels nearest to them, the least where several meet; 0 elsewhere.

    Args:
        points: those that the camera saw; ``size`` is (width, height).
    """
    width, height = size
    seen = project(points, intrinsics, camera_to_world)
    pixel = seen.pixel.round().long()
    inside = (seen.z > 0) & ((pixel >= 0) & (pixel < torch.tensor([width, height]))).all(dim=1)
    index = pixel[inside, 1] * width + pixel[inside, 0]
    depth = torch.full((height * width,), torch.inf)
    depth.scatter_reduce_(0, index, seen.z[inside], reduce="amin")
    return torch.where(depth.isinf(), 0.0, depth).reshape(height, width)


def model_folders(path: Path) -> list[Path]:
    """Return where the models of a folder lie: in itself, in ``sparse/``, or in each numbered folder there."""
    for folder in (path, path / "sparse"):
        if _is_model(folder):
            return [folder]
    if not (path / "sparse").is_dir():
        return []
    return sorted(folder for folder in (path / "sparse").iterdir() if folder.is_dir() and _is_model(folder))


def is_colmap(path: Path) -> bool:
    """Return whether a folder holds a model and pictures."""
    return bool(model_folders(path)) and (path / "images").is_dir()


def _is_model(path: Path) -> bool:
    return any(all((path / f"{name}{ending}").is_file() for name in _MODEL_FILES) for ending in _ENDINGS)


def _read_model(folder: Path) -> Any:
    try:
        return load_pycolmap().Reconstruction(str(folder))
    # pycolmap raises all kinds of errors on broken files; the cause stays attached.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{folder}: cannot be read as a model of COLMAP ({reason}); copy it again"
        ) from error


def _camera_to_world(image: Any) -> Float[np.ndarray, "4 4"]:
    world_to_camera = image.cam_from_world().matrix()
    pose = np.eye(4)
    pose[:3, :3] = world_to_camera[:, :3].T
    pose[:3, 3] = -world_to_camera[:, :3].T @ world_to_camera[:, 3]
    return pose
