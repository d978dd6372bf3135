"""Scenes from a folder of posed RGB-D frames.

Three layouts are read, told by their files: that of ``rgbd_folder.py``, TUM's (``rgbd_tum.py``), and that of
ScanNet's export (``rgbd_scannet.py``).
"""

from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor

from ponder_data.datasets.color_registration import ColorCameraConfig, register_color
from ponder_data.datasets.rgbd_folder import (
    MISSING_DEPTH,
    RgbdFolder,
    RgbdFrame,
    open_frames,
    read_color,
    read_depth,
)
from ponder_data.datasets.rgbd_scannet import is_scannet_export, open_scannet_export
from ponder_data.datasets.rgbd_tum import is_tum, open_tum
from ponder_data.datasets.upright import (
    Up,
    axis_direction,
    mean_direction,
    upright_rotation,
    vertical_of_normals,
)
from ponder_data.depth import normals_from_depth
from ponder_data.fusion import fuse_views
from ponder_data.scene import Scene, View, check_scene
from ponder_data.scene_files import SceneFiles, ViewFiles

# How many frames the vertical is estimated from, and how wide they are read.
_UP_FRAMES = 24
_UP_WIDTH = 160
# Pixels; a picture that lies less than this beside another one is taken as registered to it.
_SAME_PIXEL = 0.5


class RgbdSequenceConfig(BaseModel):
    """A folder of posed RGB-D frames, cut into scenes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["rgbd"] = "rgbd"
    path: Path | None = Field(default=None, description="the folder")
    split: Literal["train", "val"] = Field(
        default="train", description="val scenes also show the held-out frames"
    )
    frame_stride: int = Field(default=1, ge=1, description="use every n-th frame of the folder")
    frames_per_scene: int | None = Field(
        default=None,
        ge=1,
        description="cut the sequence into scenes of at most this many frames in a row; None: one",
    )
    held_out_every: int = Field(
        default=8,
        ge=0,
        description="every n-th frame of a scene is held out of cloud and views; 0 or 1: none",
    )
    depth_range: tuple[float, float] = Field(
        default=(0.1, 6.0), description="metres; other depths count as missing"
    )
    depth_scale: float | None = Field(
        default=None,
        gt=0,
        description="units of the depth pictures per metre; None: as the layout says, 5000 in TUM's, 1000 in others",
    )
    color_camera: ColorCameraConfig | None = Field(
        default=None, description="for recordings whose colour is not registered to depth; None: it is"
    )
    image_width: int | None = Field(
        default=None, ge=1, description="resize to this width; None: from the height"
    )
    image_height: int | None = Field(
        default=None, ge=1, description="resize to this height; None: from the width"
    )
    voxel: float = Field(
        default=0.02, gt=0, description="the fused cloud keeps one point per cube of this side, m"
    )
    max_points: int = Field(default=200_000, ge=2, description="more points than this are thinned at random")
    up: Up = Field(
        default="auto",
        description="what becomes +Z: an axis of the files' world; auto: found by floors and walls",
    )

    @field_validator("held_out_every")
    @classmethod
    def _some_frames_stay(cls, value: int) -> int:
        if value == 1:
            raise ValueError(
                "held_out_every is 1, which holds every frame out; use 0 for none, or at least 2"
            )
        return value

    @field_validator("depth_range")
    @classmethod
    def _depth_range_is_a_range(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] < value[1]:
            raise ValueError(
                f"depth_range is {value}; give the nearer bound first, in metres, e.g. (0.1, 6.0)"
            )
        return value


class RgbdSequence:
    """Scenes of an RGB-D sequence, each a window of frames in a row, read when asked for.

    The windows are as equal in length as can be. In each, frame ``n // 2`` of every ``n = held_out_every`` is
    held
    out: it enters neither the cloud nor ``views``. Both splits have the same scenes; only those of ``val``
        show the
    held-out frames, as ``held_out_views`` (none where a window is shorter than ``n // 2 + 1`` frames).

    The world is turned, the same way in all scenes, until ``config.up`` is +Z; it is not shifted.

    Raises:
        ValueError: when ``config.path`` is missing or holds no usable frame, or no depth in range at all.
    """

    name = "rgbd"
    class_names: tuple[str, ...] = ()

    def __init__(self, config: RgbdSequenceConfig) -> None:
        if config.path is None:
            raise ValueError("RgbdSequenceConfig.path is not set; give the folder of RGB-D frames")
        self.config = config
        self._folder = open_rgbd_folder(config.path, config.frame_stride)
        self._windows = frame_windows(self._folder.frames, config.frames_per_scene)
        self._depth_scale = config.depth_scale or self._folder.depth_scale
        full = (self._folder.width, self._folder.height)
        self._size = resized_size(full, config.image_width, config.image_height)
        self._check_depth()
        up = self._estimated_up() if config.up == "auto" else axis_direction(config.up)
        self._to_upright = upright_rotation(up)

    def __len__(self) -> int:
        return len(self._windows)

    def __getitem__(self, index: int) -> Scene:
        window = self._windows[index]
        every = self.config.held_out_every
        held_out = [every > 0 and i % every == every // 2 for i in range(len(window))]
        views = tuple(self._view(frame) for frame, out in zip(window, held_out, strict=True) if not out)
        shown = self.config.split == "val"
        cloud = fuse_views(views, self.config.voxel, self.config.max_points, torch.Generator().manual_seed(0))
        scene = Scene(
            name=f"{self._folder.path.name}/{window[0].name}..{window[-1].name}",
            dataset=self.name,
            coord=cloud.coord,
            color=cloud.color,
            normal=cloud.normal,
            views=views,
            held_out_views=tuple(
                self._view(frame) for frame, out in zip(window, held_out, strict=True) if out and shown
            ),
        )
        return check_scene(scene)

    def scene_files(self, index: int) -> SceneFiles:
        """Return the files of the frames of scene ``index``; its cloud is made of them."""
        return SceneFiles(
            views=tuple(
                ViewFiles(
                    name=frame.name,
                    color=frame.color,
                    depth=frame.depth,
                    pose=_pose_file(frame),
                )
                for frame in self._windows[index]
            )
        )

    def scene_splits(self, index: int) -> tuple[str, ...]:
        """Return both splits: they have the same scenes, and only ``val`` shows the held-out frames."""
        return ("train", "val")

    def _depth(self, frame: RgbdFrame, size: tuple[int, int]) -> Float[Tensor, "height width"]:
        """Return a frame's depth in metres, 0 where missing or out of range."""
        raw = read_depth(frame.depth, size)
        depth = raw.astype(np.float32) / np.float32(self._depth_scale)
        near, far = self.config.depth_range
        missing = np.isin(raw, MISSING_DEPTH) | (depth < near) | (depth > far)
        return torch.from_numpy(np.where(missing, np.float32(0), depth))

    def _resized(self, intrinsics: Float[Tensor, "3 3"], size: tuple[int, int]) -> Float[Tensor, "3 3"]:
        """Return intrinsics at full size as those of pictures of ``size`` = (width, height), float32."""
        return resized_intrinsics(intrinsics, (self._folder.width, self._folder.height), size).float()

    def _intrinsics(self, size: tuple[int, int]) -> Float[Tensor, "3 3"]:
        return self._resized(torch.from_numpy(self._folder.intrinsics), size)

    def _view(self, frame: RgbdFrame) -> View:
        pose = frame.camera_to_world.copy()
        pose[:3] = self._to_upright @ pose[:3]
        color = torch.from_numpy(read_color(frame.color, self._size)).float() / 255.0
        depth, intrinsics = self._depth(frame, self._size), self._intrinsics(self._size)
        camera = self.config.color_camera
        if camera is not None:
            color_intrinsics = self._resized(camera.intrinsics(), self._size)
            color = register_color(color, depth, intrinsics, color_intrinsics, camera.position)
        elif self._folder.color_intrinsics is not None:
            own = torch.from_numpy(self._folder.color_intrinsics)
            own = resized_intrinsics(own, self._folder.color_size, self._size).float()
            if _farthest_apart(own, intrinsics, self._size) > _SAME_PIXEL:
                color = register_color(color, depth, intrinsics, own, (0.0, 0.0, 0.0))
        return View(
            name=frame.name,
            color=color,
            depth=depth,
            intrinsics=intrinsics,
            camera_to_world=torch.from_numpy(pose).float(),
        )

    def _check_depth(self) -> None:
        """Raise a ValueError when no frame has depth; usually the first one has, and no other is read."""
        frames = self._folder.frames
        if not any(bool((self._depth(frame, self._size) > 0).any()) for frame in frames):
            near, far = self.config.depth_range
            raise ValueError(
                f"{self._folder.path}: depth is all missing in all {len(frames)} frames (0, 65535 or outside "
                f"{near} to {far} m at {self._depth_scale:g} units per metre); "
                "check depth_scale and depth_range"
            )

    def _estimated_up(self) -> Float[np.ndarray, "3"]:
        """Return the vertical of the files' world, judged by floors and walls in frames spread over it.

        The frames are read small, whatever the size of the views, so that the estimate does not depend on it.
        """
        frames = self._folder.frames
        guess = mean_direction(np.stack([-frame.camera_to_world[:3, 1] for frame in frames]))
        full = (self._folder.width, self._folder.height)
        size = resized_size(full, min(full[0], _UP_WIDTH), None)
        normals = []
        for index in np.unique(np.linspace(0, len(frames) - 1, _UP_FRAMES).round().astype(int)):
            found = normals_from_depth(self._depth(frames[index], size), self._intrinsics(size))
            local = found.normal[found.valid].double().numpy()
            normals.append(local @ frames[index].camera_to_world[:3, :3].T)
        return vertical_of_normals(np.concatenate(normals), guess)


def open_rgbd_folder(path: Path, frame_stride: int = 1) -> RgbdFolder:
    """Return the usable frames among every ``frame_stride``-th of a folder in any of the layouts.

    Raises:
        ValueError: when the folder or its intrinsics are absent, or no frame is usable.
    """
    if not path.is_dir():
        raise ValueError(f"{path}: no such folder; give a folder of posed RGB-D frames")
    if is_tum(path):
        return open_tum(path, frame_stride)
    if is_scannet_export(path):
        return open_scannet_export(path, frame_stride)
    return open_frames(path, frame_stride)


def _farthest_apart(a: Float[Tensor, "3 3"], b: Float[Tensor, "3 3"], size: tuple[int, int]) -> float:
    """Return the largest distance, in pixels of ``a``, between where two cameras at one place see the same things."""
    corners = torch.tensor([[u, v, 1.0] for u in (0, size[0] - 1) for v in (0, size[1] - 1)])
    return float((corners @ (a @ torch.linalg.inv(b)).T - corners).norm(dim=1).max())


def _pose_file(frame: RgbdFrame) -> Path | None:
    """Return the file that the frame's pose is from, by the names that the layouts use."""
    above = frame.depth.parent.parent
    places = (
        frame.depth.with_name(f"{frame.name}.pose.txt"),
        above / "pose" / f"{frame.name}.txt",
        above / "groundtruth.txt",
    )
    return next((place for place in places if place.is_file()), None)


def frame_windows(frames: tuple[RgbdFrame, ...], length: int | None) -> list[tuple[RgbdFrame, ...]]:
    """Return the frames in windows of at most ``length`` in a row, as equal as can be; None: in one."""
    windows = 1 if length is None else -(-len(frames) // length)
    bounds = [round(i * len(frames) / windows) for i in range(windows + 1)]
    return [frames[first:last] for first, last in pairwise(bounds)]


def resized_size(full: tuple[int, int], width: int | None, height: int | None) -> tuple[int, int]:
    """Return (width, height) of resized pictures; a side that is not given follows from the other."""
    if width is None:
        width = full[0] if height is None else max(1, round(full[0] * height / full[1]))
    return width, (height or max(1, round(full[1] * width / full[0])))


def resized_intrinsics(
    intrinsics: Float[Tensor, "3 3"], old: tuple[int, int], new: tuple[int, int]
) -> Float[Tensor, "3 3"]:
    """Return the intrinsics of a picture resized from ``old`` to ``new`` = (width, height).

    Pixel centres lie at integers, so the picture spans [-0.5, width - 0.5]: a coordinate u becomes
    ``(u + 0.5) * new / old - 0.5``.
    """
    resized = intrinsics.clone()
    for axis in (0, 1):
        ratio = new[axis] / old[axis]
        resized[axis] *= ratio
        resized[axis, 2] = (intrinsics[axis, 2] + 0.5) * ratio - 0.5
    return resized
