"""Where tables of nuScenes' format come from: a vehicle in the real world, or a generated one."""

from pathlib import Path

from ponder_data.nuscenes.tables import read_table
from ponder_data.scene import ViewSource

SYNTHETIC_VEHICLE = "synthetic"
"""The vehicle in the logs of synthetic streets, so that nobody takes them for recordings."""


def pictures_source(root: Path, version: str) -> ViewSource:
    """Return what took the pictures: a camera, unless all logs are of the synthetic vehicle.

    Raises:
        ValueError: when the table of logs is there but broken.
    """
    if not (root / version / "log.json").is_file():
        return "camera"
    vehicles = {row["vehicle"] for row in read_table(root, version, "log")}
    return "synthetic" if vehicles == {SYNTHETIC_VEHICLE} else "camera"
