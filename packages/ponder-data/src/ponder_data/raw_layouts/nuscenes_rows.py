"""Rows of nuScenes v1.0 tables, gathered in memory and written as JSON."""

import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

from ponder_data.nuscenes.classes import NUSCENES_ATTRIBUTES, RAW_CATEGORIES
from ponder_data.nuscenes.tables import CAMERAS, LIDAR

TABLES = (
    "attribute",
    "calibrated_sensor",
    "category",
    "ego_pose",
    "instance",
    "lidarseg",
    "log",
    "map",
    "sample",
    "sample_annotation",
    "sample_data",
    "scene",
    "sensor",
    "visibility",
)
"""The thirteen tables of v1.0 and that of lidarseg."""

VISIBILITY_BOUNDS = (0.4, 0.6, 0.8)
"""Shares of visible pixels between the four levels of visibility, whose tokens are "1" to "4"."""


def token(*key: object) -> str:
    """Return 32 hexadecimal digits for a key: the same key has the same token in every run."""
    return hashlib.blake2b("/".join(str(part) for part in key).encode(), digest_size=16).hexdigest()


class NuScenesRows:
    """The tables of one data set; those that describe the vocabulary and the sensors are there from the start."""

    def __init__(self) -> None:
        # A row's keys depend on its table, as the format has it.
        self._rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
        for name in NUSCENES_ATTRIBUTES:
            self.add("attribute", token("attribute", name), name=name, description=_words(name))
        for index, (name, _) in enumerate(RAW_CATEGORIES):
            self.add("category", token("category", name), name=name, description=_words(name), index=index)
        for channel in (LIDAR, *CAMERAS):
            modality = "lidar" if channel == LIDAR else "camera"
            self.add("sensor", token("sensor", channel), channel=channel, modality=modality)
        percent = [0, *(round(100 * bound) for bound in VISIBILITY_BOUNDS), 100]
        for level, (low, high) in enumerate(itertools.pairwise(percent), start=1):
            words = f"visibility of whole object is between {low} and {high}%"
            self.add("visibility", str(level), level=f"v{low}-{high}", description=words)

    def add(self, table: str, key: str, **values: Any) -> dict[str, Any]:
        """Append a row with the token ``key`` and return it, so that its links can be set later."""
        row = {"token": key, **values}
        self._rows[table].append(row)
        return row

    def write(self, folder: Path) -> None:
        """Write one file a table into ``folder``, which is made."""
        folder.mkdir(parents=True)
        for name, rows in self._rows.items():
            (folder / f"{name}.json").write_text(json.dumps(rows, indent=0))


def chain(rows: list[dict[str, Any]]) -> None:
    """Link rows in the order of time: ``prev`` and ``next`` become the tokens of the neighbours, empty at the ends."""
    tokens = ["", *(row["token"] for row in rows), ""]
    for index, row in enumerate(rows):
        row["prev"], row["next"] = tokens[index], tokens[index + 2]


def _words(name: str) -> str:
    return name.replace(".", ": ").replace("_", " ")
