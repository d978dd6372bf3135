"""Predictions in the files that nuScenes' lidarseg benchmark takes.

Layout: ``lidarseg/SPLIT/TOKEN_lidarseg.bin``, one uint8 a point of the keyframe's own sweep in the order of its file,
classes counted from 1; and ``SPLIT/submission.json``, which says what the predictions were made from.
"""

import json
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from ponder_data import (
    NUSCENES_CLASSES,
    LidarsegFolderConfig,
    NuScenes,
    NuScenesConfig,
    Scenes,
    SyntheticStreetsConfig,
)

from ponder_tasks.recipe import SceneConfig
from ponder_tasks.segment.evaluation import Segmented

DrivingConfig = NuScenesConfig | SyntheticStreetsConfig | LidarsegFolderConfig


def with_all_points(config: SceneConfig) -> DrivingConfig:
    """Return ``config`` without dropping the points near the sensor: the benchmark wants a class of every point.

    Raises:
        ValueError: when these are no driving scenes.
    """
    if not isinstance(config, DrivingConfig):
        raise ValueError(
            f"--export nuscenes-lidarseg is for driving scenes, and {config.kind} are none; leave it out"
        )
    return config.model_copy(update={"min_distance": 0.0})


class LidarsegExport:
    """Writes one file a scene; the scenes must be of :func:`with_all_points`.

    Keyframes of nuScenes are named by the token of their LiDAR's ``sample_data``. Others have none: synthetic streets
    take the name of their scene, a slash becoming a hyphen, and folders of sweeps that of their file.

    Raises:
        ValueError: when the classes are not the 16 of lidarseg, or ``folder`` holds something.
    """

    def __init__(self, folder: Path, config: DrivingConfig, scenes: Scenes) -> None:
        if scenes.class_names != NUSCENES_CLASSES:
            raise ValueError(
                f"this run tells {len(scenes.class_names)} classes apart, not the 16 of nuScenes-lidarseg; "
                "evaluate without --export"
            )
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ValueError(
                f"{folder} is there already and not an empty folder; name a new one for the export"
            )
        split = "val" if isinstance(config, LidarsegFolderConfig) else config.split
        self._tokens = (
            {f"{record.scene}/{record.token}": record.sweeps[0].token for record in scenes.records}
            if isinstance(scenes, NuScenes)
            else {}
        )
        self._takes_last_part = isinstance(config, LidarsegFolderConfig)
        self.labels = folder / "lidarseg" / split
        self.labels.mkdir(parents=True)
        about = {
            "meta": {
                "use_camera": False,
                "use_lidar": True,
                "use_radar": False,
                "use_map": False,
                "use_external": False,
            }
        }
        (folder / split).mkdir()
        (folder / split / "submission.json").write_text(json.dumps(about, indent=2) + "\n")

    def write(self, segmented: Segmented) -> Path:
        """Write the classes of the keyframe's own points and return the path."""
        path = self.labels / f"{self._token(segmented.scene.name)}_lidarseg.bin"
        path.write_bytes(official_labels(segmented).tobytes())
        return path

    def _token(self, name: str) -> str:
        if self._takes_last_part:
            return name.rsplit("/", maxsplit=1)[-1]
        return self._tokens.get(name, name.replace("/", "-"))


def official_labels(segmented: Segmented) -> UInt8[np.ndarray, " points"]:
    """Return the class, from 1, of each point of the keyframe's own sweep: those of time 0."""
    assert segmented.scene.time is not None, "driving scenes have times"
    own = segmented.prediction[segmented.scene.time == 0]
    return (own + 1).numpy().astype(np.uint8)
