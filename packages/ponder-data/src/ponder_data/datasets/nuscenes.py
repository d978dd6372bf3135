"""nuScenes: keyframes of the official v1.0 tables as scenes, read without the devkit."""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from ponder_data.datasets.rgbd_sequence import resized_intrinsics, resized_size
from ponder_data.nuscenes.boxes import lidar_boxes
from ponder_data.nuscenes.classes import NUSCENES_CLASSES, lidarseg_labels
from ponder_data.nuscenes.keyframe import CameraImage, Keyframe, keyframe_scene
from ponder_data.nuscenes.origin import pictures_source
from ponder_data.nuscenes.poses import rigid_inverse
from ponder_data.nuscenes.splits import split_scenes, splits_of_scene
from ponder_data.nuscenes.sweeps import Sweep, read_label_file, read_sweep_file
from ponder_data.nuscenes.tables import KeyframeRecord, Recording, read_keyframes
from ponder_data.scene import Scene, ViewSource, check_scene
from ponder_data.scene_files import SceneFiles, ViewFiles


class NuScenesConfig(BaseModel):
    """Which keyframes, and what is read of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["nuscenes"] = "nuscenes"
    path: Path | None = Field(
        default=None, description="the folder that holds samples/, sweeps/ and the tables"
    )
    version: str = Field(default="v1.0-trainval", description="the folder of the tables in it")
    split: str = Field(
        default="train",
        description="train, val, test, mini_train, mini_val, all, or one that splits.json beside the tables names",
    )
    scenes_file: Path | None = Field(
        default=None, description="a text file of scene names, one a line, in the place of a split"
    )
    frame_stride: int = Field(default=1, ge=1, description="use every n-th keyframe")
    sweeps: int = Field(
        default=10, ge=1, description="LiDAR sweeps joined in each cloud, the keyframe's own among them"
    )
    min_distance: float = Field(
        default=1.0, ge=0, description="points nearer than this in x and in y are dropped, metres"
    )
    image_width: int | None = Field(
        default=800, ge=1, description="resize to this width; None: from the height"
    )
    image_height: int | None = Field(
        default=None, ge=1, description="resize to this height; None: from the width"
    )
    least_box_points: int = Field(
        default=1, ge=0, description="boxes with fewer LiDAR and radar returns are dropped"
    )
    normal_neighbours: int = Field(
        default=0, ge=0, description="nearest points that normals are estimated from; 0: normals are zero"
    )
    source: ViewSource | None = Field(
        default=None, description='what took the pictures; None: "synthetic" where the tables say so'
    )


class NuScenes:
    """A sequence of keyframes, read when asked for.

    A scene is one keyframe; see `ponder_data.nuscenes.keyframe` for its frame and fields. Its name is the name
    of the official scene, a slash and the token of the ``sample``; ``records`` holds what the tables say of it.
    Labels of points and boxes are ids of `NUSCENES_CLASSES`. The tables are read whole when this is built: for
    trainval that takes a few gigabytes of memory for a moment.

    Raises:
        ValueError: when ``config.path`` is missing, a table is unreadable or inconsistent, or none of the
            split's scenes is in the tables.
    """

    name = "nuscenes"
    class_names: tuple[str, ...] = NUSCENES_CLASSES

    def __init__(self, config: NuScenesConfig) -> None:
        if config.path is None:
            raise ValueError(
                "NuScenesConfig.path is not set; give the folder that holds samples/ and the tables"
            )
        self.config = config
        self.path = config.path
        if config.scenes_file is None:
            scenes = split_scenes(config.path, config.version, config.split)
        else:
            scenes = _named_scenes(config.scenes_file)
        records = read_keyframes(config.path, config.version, scenes, config.sweeps)
        self.records = records[:: config.frame_stride]
        self.source: ViewSource = config.source or pictures_source(config.path, config.version)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Scene:
        """Read keyframe ``index``.

        Raises:
            IndexError: when there is no such keyframe.
            ValueError: when one of its files is absent or cut off.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"keyframe {index} of {len(self)}: valid indices are 0 to {len(self) - 1}")
        config = self.config
        keyframe = self._keyframe(self.records[index])
        return check_scene(
            keyframe_scene(
                keyframe, min_distance=config.min_distance, normal_neighbours=config.normal_neighbours
            )
        )

    def scene_files(self, index: int) -> SceneFiles:
        """Return the files of keyframe ``index``; its poses are in the tables."""
        record = self.records[index]
        tables = self.path / self.config.version
        return SceneFiles(
            cloud=tuple(self.path / sweep.file for sweep in record.sweeps),
            labels=None if record.lidarseg is None else self.path / record.lidarseg,
            views=tuple(
                ViewFiles(
                    name=camera.channel, color=self.path / camera.file, pose=tables / "calibrated_sensor.json"
                )
                for camera in record.cameras
            ),
        )

    def scene_splits(self, index: int) -> tuple[str, ...]:
        """Return the official splits of keyframe ``index``, or those of ``splits.json``."""
        return splits_of_scene(self.path, self.config.version, self.records[index].scene)

    def _keyframe(self, record: KeyframeRecord) -> Keyframe:
        lidar = record.sweeps[0]
        to_lidar = rigid_inverse(lidar.to_global())
        sweeps = tuple(self._sweep(sweep, lidar, to_lidar) for sweep in record.sweeps)
        semantic = None
        if record.lidarseg is not None:
            semantic = lidarseg_labels(read_label_file(self.path / record.lidarseg, len(sweeps[0])))
        return Keyframe(
            name=f"{record.scene}/{record.token}",
            dataset=self.name,
            sweeps=sweeps,
            images=tuple(self._image(camera, to_lidar) for camera in record.cameras),
            boxes=lidar_boxes(record.annotations, lidar.to_global(), self.config.least_box_points),
            semantic=semantic,
            source=self.source,
        )

    def _sweep(self, recording: Recording, keyframe: Recording, to_lidar: np.ndarray) -> Sweep:
        table = read_sweep_file(self.path / recording.file)
        # The same recording is the identity exactly, whatever the rounding of its poses.
        to_keyframe = np.eye(4) if recording is keyframe else to_lidar @ recording.to_global()
        return sweep_of_table(table, 1e-6 * (keyframe.timestamp - recording.timestamp), to_keyframe)

    def _image(self, recording: Recording, to_lidar: np.ndarray) -> CameraImage:
        if recording.intrinsics is None:
            raise ValueError(
                f"{self.path}: {recording.channel} of {recording.token} has no camera_intrinsic; "
                "unpack calibrated_sensor.json again"
            )
        color, full = _read_picture(
            self.path / recording.file, self.config.image_width, self.config.image_height
        )
        size = (color.shape[1], color.shape[0])
        return CameraImage(
            channel=recording.channel,
            color=color,
            intrinsics=resized_intrinsics(torch.from_numpy(recording.intrinsics), full, size).numpy(),
            camera_to_lidar=to_lidar @ recording.to_global(),
        )


def sweep_of_table(table: np.ndarray, time: float, to_keyframe: np.ndarray) -> Sweep:
    """Return the rows of a ``.pcd.bin`` file as a sweep; intensity 0 to 255 becomes 0 to 1."""
    return Sweep(
        coord=table[:, :3],
        intensity=table[:, 3] / np.float32(255.0),
        ring=table[:, 4].astype(np.int64),
        time=time,
        to_keyframe=to_keyframe,
    )


def _named_scenes(path: Path) -> tuple[str, ...]:
    try:
        return tuple(path.read_text().split())
    except OSError as error:
        raise ValueError(
            f"{path}: cannot be read ({error.strerror}); give a text file of scene names"
        ) from error


def _read_picture(
    path: Path, width: int | None, height: int | None
) -> tuple[UInt8[np.ndarray, "height width 3"], tuple[int, int]]:
    """Return a picture, resized, and its full (width, height)."""
    try:
        with Image.open(path) as image:
            full = image.size
            size = resized_size(full, width, height)
            # JPEG decodes to a half, quarter or eighth far faster, never below the size asked for.
            image.draft("RGB", size)
            picture = image.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read as a picture ({error}); unpack it again") from error
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.BOX)
    return np.array(picture), full
