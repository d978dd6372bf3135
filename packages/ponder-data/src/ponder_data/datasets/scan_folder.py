"""Scenes from a folder of scans: one file, one scene, without views."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ponder_data.datasets.scan_file import SCAN_SUFFIXES, read_scan
from ponder_data.scene import Scene
from ponder_data.scene_files import SceneFiles
from ponder_data.scene_splits import EVERY_SPLIT, FOLDER_SPLITS


class ScanFolderConfig(BaseModel):
    """A folder of scans in any of the formats that `read_scan` knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["scan_folder"] = "scan_folder"
    path: Path | None = Field(default=None, description="the folder; subfolders are searched too")


class ScanFolder:
    """The scans of a folder and its subfolders by name, as the files hold them: whole, and without views.

    For views of virtual cameras see `VirtualScans`.

    Raises:
        ValueError: when ``config.path`` is missing or holds no scan.
    """

    name = "scans"
    class_names: tuple[str, ...] = ()

    def __init__(self, config: ScanFolderConfig) -> None:
        if config.path is None:
            raise ValueError("ScanFolderConfig.path is not set; give the folder of scans")
        self.config = config
        self._path = config.path
        self._files = tuple(scan_files(config.path))

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Scene:
        """Read scan ``index``.

        Raises:
            ValueError: when the file cannot be read.
        """
        return read_scan(self._files[index])

    def files(self, index: int) -> SceneFiles:
        """Return the file of scan ``index``."""
        return SceneFiles(cloud=(self._files[index],))

    def splits(self, index: int) -> tuple[str, ...]:
        """Return the split that the uppermost folder of scan ``index`` names, such as ``train/``; else all."""
        top = self._files[index].relative_to(self._path).parts[0].lower()
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
