"""Scenes from a folder of scans: one file, one scene, without views."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ponder_data.datasets.scan_file import SCAN_SUFFIXES, read_scan
from ponder_data.datasets.scan_labels import (
    LabelSetName,
    folder_class_names,
    named_classes,
    named_label_set,
)
from ponder_data.scene import ClassIdError, Scene
from ponder_data.scene_files import SceneFiles
from ponder_data.scene_splits import EVERY_SPLIT, FOLDER_SPLITS


class ScanFolderConfig(BaseModel):
    """A folder of scans in any of the formats that `read_scan` knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["scan_folder"] = "scan_folder"
    path: Path | None = Field(default=None, description="the folder; subfolders are searched too")
    label_set: LabelSetName | None = Field(
        default=None,
        description="the labels in the files are raw ids of this set, e.g. nyu40; None: as the files say",
    )
    up: Literal["y", "z"] | None = Field(
        default=None,
        description="the axis of the files that points up; None: y for glTF (.glb, .gltf), z for others",
    )


class ScanFolder:
    """The scans of a folder and its subfolders by name, as the files hold them: whole, and without views.

    All scans of a folder have the same classes: those of ``config.label_set``, or else of a file ``classes.txt`` in the
    folder (one name a line), or else those that the first file names which names any (LAS: ASPRS; NPZ: ``class_names``,
    or NYU40 where it holds ``nyu40``). Where a file names others, its labels are left out with a warning. For views of
    virtual cameras see `VirtualScans`.

    Raises:
        ValueError: when ``config.path`` is missing or holds no scan.
    """

    name = "scans"

    def __init__(self, config: ScanFolderConfig) -> None:
        if config.path is None:
            raise ValueError("ScanFolderConfig.path is not set; give the folder of scans")
        self.config = config
        self.path = config.path
        self.files = tuple(scan_files(config.path))
        self._found_names: tuple[str, ...] | None = None
        self._label_set = named_label_set(config.label_set)

    @property
    def scene_names(self) -> tuple[str, ...]:
        """Names of the scenes in order; nothing is read for them."""
        return tuple(self.scene_name(file) for file in self.files)

    def scene_name(self, file: Path) -> str:
        """Return the name of the scene in a file: its place in the folder."""
        return file.relative_to(self.path).with_suffix("").as_posix()

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes; no points are read for them."""
        if self._label_set is not None:
            return self._label_set.names
        if self._found_names is None:
            named = (names for file in self.files if (names := named_classes(file)))
            self._found_names = folder_class_names(self.path) or next(named, ())
        return self._found_names

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Scene:
        """Read scan ``index``.

        Raises:
            ValueError: when the file cannot be read, or a label is none of the folder's classes.
        """
        return self.read(self.files[index])

    def read(self, file: Path) -> Scene:
        """Read a scan of the folder.

        Raises:
            ValueError: when the file cannot be read, or a label is none of the folder's classes.
        """
        scan = read_scan(file, self._label_set, self.config.up)
        names = self.class_names
        if scan.semantic is not None and scan.class_names not in ((), names):
            warnings.warn(
                f"{file}: is labelled with {_few(scan.class_names)}, but other scans of {self.path} with "
                f"{_few(names)}; its labels are left out. Set label_set, or put scans of different classes into "
                "different folders",
                stacklevel=2,
            )
            scan = replace(scan, semantic=None)
        highest = -1 if scan.semantic is None else int(scan.semantic.max())
        if names and highest >= len(names):
            raise ClassIdError(
                f"{file}: a label is {highest}, but {self.path} has {len(names)} classes, {_few(names)}; "
                "set label_set if the labels are raw ids of a known set"
            )
        return replace(scan, name=self.scene_name(file), dataset=self.name, class_names=names)

    def scene_files(self, index: int) -> SceneFiles:
        """Return the file of scan ``index``."""
        return SceneFiles(cloud=(self.files[index],))

    def scene_splits(self, index: int) -> tuple[str, ...]:
        """Return the split that the uppermost folder of scan ``index`` names, such as ``train/``; else all."""
        top = self.files[index].relative_to(self.path).parts[0].lower()
        return (FOLDER_SPLITS.get(top, EVERY_SPLIT),)


def scan_files(path: Path) -> list[Path]:
    """Return the scan files of a folder and its subfolders, by name.

    Raises:
        ValueError: when there is no such folder or it holds none.
    """
    if not path.is_dir():
        raise ValueError(f"{path}: no such folder; give a folder of scans ({', '.join(SCAN_SUFFIXES)})")
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SCAN_SUFFIXES)
    if not files:
        raise ValueError(f"{path}: holds no scan; scans are files that end in {', '.join(SCAN_SUFFIXES)}")
    return files


def _few(names: tuple[str, ...]) -> str:
    """Return the names, shortened where there are many."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") or "no names"
