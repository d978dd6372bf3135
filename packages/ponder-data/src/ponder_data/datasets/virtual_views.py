"""Scenes from a folder of scans without pictures: virtual cameras take these."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from ponder_data.datasets.scan_folder import ScanFolder, ScanFolderConfig
from ponder_data.datasets.scan_labels import LabelSetName
from ponder_data.indoor.boxes import instance_boxes
from ponder_data.scene import Scene
from ponder_data.scene_files import SceneFiles
from ponder_data.scene_splits import EVERY_SPLIT
from ponder_data.virtual.cameras import VirtualCamerasConfig, with_virtual_views

_RESCAN = re.compile(r"(scene\d{4})_\d{2}")
"""ScanNet's names: scans of one number show one room."""


class VirtualScansConfig(VirtualCamerasConfig):
    """A folder of coloured scans, and the virtual cameras that take pictures of them."""

    kind: Literal["scans"] = "scans"
    path: Path | None = Field(default=None, description="the folder; subfolders are searched too")
    label_set: LabelSetName | None = Field(
        default=None,
        description="the labels in the files are raw ids of this set, e.g. nyu40; None: as the files say",
    )
    up: Literal["y", "z"] | None = Field(
        default=None,
        description="the axis of the files that points up; None: y for glTF (.glb, .gltf), z for others",
    )
    split: Literal["train", "val"] = Field(
        default="train", description="val scans are others, and also show the held-out views"
    )
    val_every: int = Field(
        default=5,
        ge=0,
        description="every n-th place is for validation; 0, or fewer than two places: all scans are for both",
    )
    places: tuple[str, ...] | None = Field(
        default=None,
        description="only scans of these places: ScanNet's as scene0000, others by the name of their file; None: all",
    )
    instance_boxes: bool = Field(
        default=False,
        description="scenes have boxes: the axis-aligned one around each instance of a known class",
    )


class VirtualScans:
    """Scans with virtual pictures, made when asked for: the same every time.

    Scans with labels and instances carry these to their pictures; see `ScanFolder` for what the labels mean.

    Both kinds of views are made of the cloud itself, so held-out views are new poses, not new measurements; what is
    really unseen are the scans of the other split. Scans whose names say that they show one room (ScanNet's
    ``sceneNNNN_NN``) are never divided between the splits.

    Raises:
        ValueError: when ``config.path`` is missing or holds no scan, or none of one of ``config.places``.
    """

    name = "scans"

    def __init__(self, config: VirtualScansConfig) -> None:
        if config.path is None:
            raise ValueError("VirtualScansConfig.path is not set; give the folder of scans")
        self.config = config
        self._scans = ScanFolder(ScanFolderConfig(path=config.path, label_set=config.label_set, up=config.up))
        files = _of_places(self._scans.files, config)
        places = sorted({place_of(file.stem) for file in files})
        val = set(places[config.val_every // 2 :: config.val_every]) if config.val_every else set()
        if val and len(val) < len(places):
            files = [file for file in files if (place_of(file.stem) in val) == (config.split == "val")]
        self._files = tuple(files)
        self._divided = bool(val) and len(val) < len(places)

    def scene_files(self, index: int) -> SceneFiles:
        """Return the file of scan ``index``."""
        return SceneFiles(cloud=(self._files[index],))

    def scene_splits(self, index: int) -> tuple[str, ...]:
        """Return the split of scan ``index``: this one, or all where scans are not divided."""
        return (self.config.split if self._divided else EVERY_SPLIT,)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes; where only the scans know them, the first scan is read for it."""
        return self._scans.class_names

    @property
    def scene_names(self) -> tuple[str, ...]:
        """Names of the scenes in order; nothing is read for them."""
        return tuple(self._scans.scene_name(file) for file in self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Scene:
        """Read scan ``index`` and take its pictures.

        Raises:
            ValueError: when the file cannot be read, or no camera sees enough of the scan.
        """
        scan = self._scans.read(self._files[index])
        if self.config.instance_boxes:
            scan = _with_boxes(scan)
        return with_virtual_views(scan, self.config, held_out=self.config.split == "val")


def _of_places(files: Sequence[Path], config: VirtualScansConfig) -> Sequence[Path]:
    """Return the scans of the places that ``config`` names."""
    if config.places is None:
        return files
    there = {place_of(file.stem) for file in files}
    absent = [place for place in config.places if place not in there]
    if absent:
        raise ValueError(
            f"{config.path}: holds no scan of {', '.join(absent)}; there are scans of {', '.join(sorted(there))}"
        )
    return [file for file in files if place_of(file.stem) in config.places]


def _with_boxes(scan: Scene) -> Scene:
    """Return the scan with the boxes of its instances."""
    if scan.semantic is None or scan.instance is None:
        raise ValueError(
            f"scan {scan.name!r} has no classes or no instances, so it has no boxes; set instance_boxes to false"
        )
    boxes = instance_boxes(scan.coord.numpy(), scan.instance.numpy(), scan.semantic.numpy())
    return replace(scan, boxes=boxes)


def place_of(name: str) -> str:
    """Return the place that a scan shows, by its name: ScanNet's without the number of the scan, others' whole."""
    rescan = _RESCAN.fullmatch(name)
    return rescan[1] if rescan else name
