"""S3DIS (Stanford 2D-3D, v1.2) in its official layout: rooms of annotated points, in areas and folds."""

import re
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ponder_data.grid import grid_sample
from ponder_data.indoor.boxes import instance_boxes
from ponder_data.indoor.files import checked_index, existing_folder, read_lines, read_numbers
from ponder_data.labels import S3DIS as S3DIS_LABELS
from ponder_data.normals import estimate_normals
from ponder_data.scene import Scene, check_scene
from ponder_data.scene_files import SceneFiles

AREAS = (1, 2, 3, 4, 5, 6)
"""Each is the test set of one of the six folds."""

_PATH = "the folder that holds Area_1/ to Area_6/"
_OTHER = "clutter"
# Rooms have a million points and more; normals of all would take longer than everything else together.
_NORMAL_CELL = 0.03


class S3disConfig(BaseModel):
    """Which rooms of S3DIS, and what is read of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["s3dis"] = "s3dis"
    path: Path | None = Field(default=None, description=_PATH)
    fold: int = Field(default=5, ge=1, le=6, description="the area that is tested on; 5 is the usual one")
    split: Literal["train", "val", "all"] = Field(
        default="train",
        description="val: the fold's area; train: the other five; all: the areas that are there",
    )
    axis_aligned: bool = Field(
        default=False,
        description="turn rooms by Area_N_alignmentAngle.txt; not for the Aligned_Version, which is turned already",
    )
    normal_neighbours: int = Field(
        default=16, ge=0, description="nearest points that normals are estimated from; 0: normals are zero"
    )


def is_s3dis(path: Path) -> bool:
    """Return whether a folder holds areas of S3DIS."""
    return next(path.glob("Area_[1-6]/*/Annotations"), None) is not None


class S3dis:
    """A sequence of rooms, read when asked for.

    The points of a room are those of its ``Annotations/<class>_<number>.txt`` (x y z r g b), object by object in the
    order of the numbers: each object is an instance with an axis-aligned box. Classes that the benchmark does not
    have (stairs) count as clutter. The files hold no normals: they are estimated at one point in each cube of 3 cm,
    for all points in it. There are no pictures.

    Raises:
        ValueError: when the folder is missing or an area of the split is not there.
    """

    name = "s3dis"
    class_names: tuple[str, ...] = S3DIS_LABELS.names

    def __init__(self, config: S3disConfig) -> None:
        self.config = config
        self.path = existing_folder(config.path, "S3disConfig", _PATH)
        chosen = [area for area in AREAS if (area == config.fold) == (config.split == "val")]
        if config.split == "all":
            chosen = [area for area in AREAS if (self.path / f"Area_{area}").is_dir()]
        self.rooms = tuple(room for area in chosen for room in _rooms(self.path / f"Area_{area}"))

    def __len__(self) -> int:
        return len(self.rooms)

    def scene_files(self, index: int) -> SceneFiles:
        """Return the files of room ``index``: one for each object, which also says its class."""
        return SceneFiles(cloud=tuple(sorted((self.rooms[index] / "Annotations").glob("*.txt"))))

    def scene_splits(self, index: int) -> tuple[str, ...]:
        """Return the split of room ``index`` in the fold, and its area, as ``Area_5``."""
        area = self.rooms[index].parent.name
        return ("val" if area == f"Area_{self.config.fold}" else "train", area)

    def __getitem__(self, index: int) -> Scene:
        """Read room ``index``.

        Raises:
            IndexError: when there is no such room.
            ValueError: when one of its files is absent, empty or broken.
        """
        room = self.rooms[checked_index(index, len(self), "room")]
        table, semantic, instance = read_room(room)
        coord = table[:, :3]
        if self.config.axis_aligned:
            coord = turned(coord, alignment_angle(room))
        points = torch.from_numpy(coord.astype(np.float32))
        return check_scene(
            Scene(
                name=f"{room.parent.name}/{room.name}",
                dataset=self.name,
                coord=points,
                color=torch.from_numpy(table[:, 3:].astype(np.float32) / np.float32(255)),
                normal=room_normals(points, self.config.normal_neighbours),
                semantic=torch.from_numpy(semantic),
                instance=torch.from_numpy(instance),
                boxes=instance_boxes(coord, instance, semantic),
                class_names=self.class_names,
            )
        )


def room_normals(coord: Float[Tensor, "points 3"], neighbours: int) -> Float[Tensor, "points 3"]:
    """Return normals towards the room's middle, estimated per cube of 3 cm; zero for 0 neighbours.

    Raises:
        ValueError: when the points lie in fewer than 3 cubes.
    """
    if not neighbours:
        return torch.zeros_like(coord)
    cells = grid_sample(coord, _NORMAL_CELL)
    return estimate_normals(coord[cells.index], neighbours, towards="inward")[cells.inverse]


def _rooms(area: Path) -> tuple[Path, ...]:
    rooms = tuple(sorted(path.parent for path in area.glob("*/Annotations") if path.is_dir()))
    if not rooms:
        raise ValueError(f"{area}: holds no room with Annotations/; give {_PATH}, unpacked whole")
    return rooms


def object_files(room: Path) -> tuple[Path, ...]:
    """Return the files of a room's objects, by class and number; copies that a file manager made are left out.

    Raises:
        ValueError: when there is none.
    """
    files = {}
    for path in (room / "Annotations").glob("*.txt"):
        found = re.fullmatch(r"(.+?)_(\d+)", path.stem)
        if found is not None:
            files[found[1], int(found[2])] = path
    if not files:
        raise ValueError(f"{room / 'Annotations'}: holds no <class>_<number>.txt; unpack the room again")
    return tuple(files[key] for key in sorted(files))


def read_room(
    room: Path,
) -> tuple[Float[np.ndarray, "points 6"], Int[np.ndarray, " points"], Int[np.ndarray, " points"]]:
    """Return a room's points (x y z in metres, r g b from 0 to 255), their classes and instances.

    Raises:
        ValueError: when a file is absent, empty, or holds anything but rows of six finite numbers.
    """
    place = {name: label for label, name in enumerate(S3DIS_LABELS.names)}
    tables, labels = [], []
    for path in object_files(room):
        table = read_numbers(path, columns=6)
        if not np.isfinite(table).all() or table[:, 3:].min() < 0 or table[:, 3:].max() > 255:
            raise ValueError(f"{path}: holds coordinates that are not finite or colours outside 0 to 255")
        tables.append(table)
        labels.append(place.get(path.stem.rpartition("_")[0], place[_OTHER]))
    lengths = [len(table) for table in tables]
    return (
        np.concatenate(tables),
        np.repeat(np.array(labels, dtype=np.int64), lengths),
        np.repeat(np.arange(len(tables), dtype=np.int64), lengths),
    )


def alignment_angle(room: Path) -> float:
    """Return by how many degrees a room is turned from the axes, by its area's ``Area_N_alignmentAngle.txt``.

    Raises:
        ValueError: when the file cannot be read or has no line for the room.
    """
    path = room.parent / f"{room.parent.name}_alignmentAngle.txt"
    for line in read_lines(path):
        words = line.split()
        if words[0] == room.name and len(words) == 2:
            try:
                return float(words[1])
            except ValueError as error:
                raise ValueError(f"{path}: {words[1]!r} is no angle in degrees") from error
    raise ValueError(f"{path}: has no angle for {room.name}; set axis_aligned=False for the Aligned_Version")


def turned(coord: Float[np.ndarray, "points 3"], degrees: float) -> Float[np.ndarray, "points 3"]:
    """Return points turned back by an angle about the vertical through the middle of their box."""
    angle = -np.deg2rad(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    middle = (coord.min(axis=0) + coord.max(axis=0)) / 2
    return (coord - middle) @ rotation.T + middle
