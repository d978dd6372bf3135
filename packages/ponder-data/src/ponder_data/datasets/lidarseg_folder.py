"""A folder of labelled LiDAR sweeps in nuScenes' file formats, without tables.

Layout: ``NAME.pcd.bin`` (float32 rows of x, y, z, intensity, ring, as nuScenes writes them) and, for each,
``NAME_lidarseg.bin`` (one uint8 raw id a point).
"""

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ponder_data.datasets.nuscenes import sweep_of_table
from ponder_data.nuscenes.classes import NUSCENES_CLASSES, lidarseg_labels
from ponder_data.nuscenes.keyframe import Keyframe, keyframe_scene
from ponder_data.nuscenes.sweeps import read_label_file, read_sweep_file
from ponder_data.scene import Scene, check_scene
from ponder_data.scene_files import SceneFiles

_SWEEP, _LABELS = ".pcd.bin", "_lidarseg.bin"


class LidarsegFolderConfig(BaseModel):
    """A folder of labelled sweeps; ``first`` and ``count`` cut a split out of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["lidarseg"] = "lidarseg"
    path: Path | None = Field(default=None, description="the folder")
    first: int = Field(default=0, ge=0, description="index of the first sweep, in the order of names")
    count: int | None = Field(default=None, ge=1, description="how many sweeps; None: all from the first on")
    frame_stride: int = Field(default=1, ge=1, description="use every n-th of these sweeps")
    min_distance: float = Field(
        default=1.0, ge=0, description="points nearer than this in x and in y are dropped, metres"
    )
    normal_neighbours: int = Field(
        default=0, ge=0, description="nearest points that normals are estimated from; 0: normals are zero"
    )


class LidarsegFolder:
    """The sweeps of a folder in the order of their names, each a scene without views and boxes.

    Raises:
        ValueError: when ``config.path`` is missing, holds no such files or too few, or a sweep has no labels.
    """

    name = "lidarseg"
    class_names: tuple[str, ...] = NUSCENES_CLASSES

    def __init__(self, config: LidarsegFolderConfig) -> None:
        if config.path is None:
            raise ValueError("LidarsegFolderConfig.path is not set; give the folder of *.pcd.bin files")
        self.config = config
        found = sorted(config.path.glob(f"*{_SWEEP}"))
        last = len(found) if config.count is None else config.first + config.count
        if not config.first < last <= len(found):
            raise ValueError(
                f"{config.path}: holds {len(found)} files *{_SWEEP}; sweeps {config.first} to {last - 1} were asked for"
            )
        self._files = found[config.first : last : config.frame_stride]
        for file in self._files:
            if not _label_path(file).is_file():
                raise ValueError(f"{file}: has no labels; expected {_label_path(file).name} beside it")

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Scene:
        file = self._files[index]
        table = read_sweep_file(file)
        keyframe = Keyframe(
            name=f"{file.parent.name}/{file.name.removesuffix(_SWEEP)}",
            dataset=self.name,
            sweeps=(sweep_of_table(table, 0.0, np.eye(4)),),
            images=(),
            semantic=lidarseg_labels(read_label_file(_label_path(file), len(table))),
        )
        scene = keyframe_scene(
            keyframe,
            min_distance=self.config.min_distance,
            normal_neighbours=self.config.normal_neighbours,
        )
        return check_scene(scene)

    def scene_files(self, index: int) -> SceneFiles:
        """Return the files of sweep ``index``."""
        return SceneFiles(cloud=(self._files[index],), labels=_label_path(self._files[index]))


def _label_path(sweep: Path) -> Path:
    return sweep.with_name(sweep.name.removesuffix(_SWEEP) + _LABELS)
