"""A tiny download of S3DIS in the official layout, for the tests to read and to break."""

from pathlib import Path

import numpy as np

from .indoor_files import write_text

OBJECTS = {
    "chair_2": [[1.0, 2.0, 0.5, 10, 20, 30], [1.5, 2.0, 0.0, 11, 20, 30], [1.0, 3.0, 0.0, 12, 20, 30]],
    "chair_10": [[4.0, 2.0, 0.5, 255, 0, 1], [4.0, 2.5, 0.5, 255, 0, 1]],
    "ceiling_1": [[0.0, 0.0, 3.0, 9, 9, 9], [5.0, 0.0, 3.0, 9, 9, 9], [0.0, 4.0, 3.0, 9, 9, 9]],
    "stairs_1": [[2.0, 2.0, 0.0, 0, 0, 0]],
}
TABLE = np.array([row for name in ("ceiling_1", "chair_2", "chair_10", "stairs_1") for row in OBJECTS[name]])


def write_room(root: Path, area: int, room: str) -> Path:
    folder = root / f"Area_{area}" / room
    for name, rows in OBJECTS.items():
        lines = (f"{x:.3f} {y:.3f} {z:.3f} {r} {g} {b}" for x, y, z, r, g, b in rows)
        write_text(folder / "Annotations" / f"{name}.txt", *lines)
    write_text(folder / f"{room}.txt", "this file is not needed")
    return folder


def write_download(root: Path) -> None:
    """Write all of it into ``root``."""
    for area in range(1, 7):
        write_room(root, area, "office_1")
        lines = ("## Global alignment angle per room in Area ##", "", "office_1 90", "hallway_3 180")
        write_text(root / f"Area_{area}" / f"Area_{area}_alignmentAngle.txt", *lines)
    write_room(root, 5, "hallway_3")
    (root / "Area_5" / ".DS_Store").write_bytes(b"\0")
