"""Scenes with official tables behind them, which the devkit measures on.

Real nuScenes has them. Synthetic streets are written as such tables into a temporary folder and read back.
"""

import shutil
import tempfile
import weakref
from pathlib import Path

from ponder_data import (
    NuScenes,
    NuScenesConfig,
    NuScenesTablesConfig,
    RecordingConfig,
    SyntheticStreetsConfig,
    write_nuscenes_tables,
)

from ponder_tasks.scene_config import SceneConfig


class ScenesWithTables:
    """Keyframes that the devkit knows; a context that removes what it wrote.

    Args:
        config: streets or nuscenes.

    Raises:
        ValueError: when the scenes are of another kind, or cannot be read.
    """

    def __init__(self, config: SceneConfig) -> None:
        self._remove: weakref.finalize | None = None
        if isinstance(config, SyntheticStreetsConfig):
            folder = tempfile.mkdtemp(prefix="ponder-streets-")
            self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            config = _written(config, Path(folder) / "streets")
        if not isinstance(config, NuScenesConfig):
            raise ValueError(
                f"detection outdoors is measured on streets or nuscenes, which the official devkit can read, not on "
                f"{config.kind}"
            )
        self.scenes = NuScenes(config)

    def __enter__(self) -> "ScenesWithTables":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the tables that were written; the end of the program does it too."""
        if self._remove is not None:
            self._remove()


def _written(config: SyntheticStreetsConfig, path: Path) -> NuScenesConfig:
    """Write streets to ``path`` and say how to read them back."""
    recording = RecordingConfig.model_validate(
        {name: getattr(config, name) for name in RecordingConfig.model_fields}
    )
    tables = NuScenesTablesConfig(
        train=config.scenes if config.split == "train" else 0,
        val=config.scenes if config.split == "val" else 0,
        first=config.first,
        seed=config.seed,
        recording=recording,
    )
    written = write_nuscenes_tables(tables, path)
    return NuScenesConfig(
        path=path,
        version=written.version,
        split=config.split,
        sweeps=config.sweeps,
        min_distance=config.min_distance,
        least_box_points=config.least_box_points,
        normal_neighbours=config.normal_neighbours,
        image_width=None,
    )
