"""Matterport3D's description of a house: ``.house`` files, which panorama stands in which region, and cameras."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ponder_data.indoor.boxes import Box, upright_box
from ponder_data.indoor.files import read_lines

# The canonical camera of the files looks along -z with +y up.
_OPENCV_AXES = np.diag([1.0, -1.0, -1.0, 1.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseObject:
    """An annotated object: its region, the ``mpcat40`` id of its category, and its oriented box."""

    number: int
    region: int
    category: int
    center: Float[np.ndarray, "3"]
    axes: Float[np.ndarray, "3 3"]
    radii: Float[np.ndarray, "3"]

    def box(self, label: int) -> Box:
        """Return the box set upright, with a class."""
        return upright_box(self.center, self.axes, 2 * self.radii, label, self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What is read of a ``.house`` file.

    Attributes:
        categories: the ``mpcat40`` id of each raw category (``category_mapping.tsv`` numbers these).
        objects: those with a category.
    """

    categories: dict[int, int]
    objects: tuple[HouseObject, ...]


def read_house(path: Path) -> House:
    """Return categories and objects of a ``.house`` file.

    Raises:
        ValueError: when it is absent or a line is broken.
    """
    by_index: dict[int, tuple[int, int]] = {}
    objects: list[HouseObject] = []
    for number, line in enumerate(read_lines(path), 1):
        fields = line.split()
        try:
            # Categories come before the objects that refer to them.
            if fields[0] == "C":
                by_index[int(fields[1])] = int(fields[2]), int(fields[4])
            elif fields[0] == "O" and int(fields[3]) >= 0:
                objects.append(_object(fields, by_index))
        except (IndexError, KeyError, ValueError) as error:
            raise ValueError(f"{path}: line {number} is broken ({error!r})") from error
    categories = {raw: mpcat40 for raw, mpcat40 in by_index.values() if raw > 0}
    return House(categories=categories, objects=tuple(objects))


def _object(fields: list[str], by_index: dict[int, tuple[int, int]]) -> HouseObject:
    values = np.array(fields[4:16], dtype=np.float64)
    if len(values) < 12:
        raise ValueError("it is too short")
    if not (np.isfinite(values).all() and np.linalg.norm(np.cross(values[3:6], values[6:9])) > 0):
        raise ValueError("its box has no axes")
    first = values[3:6] / np.linalg.norm(values[3:6])
    second = values[6:9] - first * (first @ values[6:9])
    second = second / np.linalg.norm(second)
    axes = np.stack([first, second, np.cross(first, second)])
    return HouseObject(
        number=int(fields[1]),
        region=int(fields[2]),
        category=by_index[int(fields[3])][1],
        center=values[:3],
        axes=axes,
        radii=values[9:],
    )


def panorama_regions(path: Path) -> dict[str, int]:
    """Return the region of each panorama, by ``panorama_to_region.txt``.

    Raises:
        ValueError: when the file is absent or a line is broken.
    """
    regions = {}
    for line in read_lines(path):
        fields = line.split()
        if len(fields) < 3 or not fields[2].lstrip("-").isdigit():
            raise ValueError(f"{path}: {line!r} is not <number> <panorama> <region> <kind>")
        regions[fields[1]] = int(fields[2])
    return regions


@dataclass(frozen=True, slots=True, kw_only=True)
class HousePicture:
    """One undistorted picture: its files, its intrinsics as the file has them, its OpenCV pose."""

    color: str
    depth: str
    raw_intrinsics: Float[np.ndarray, "3 3"]
    camera_to_world: Float[np.ndarray, "4 4"]

    @property
    def panorama(self) -> str:
        """The panorama it belongs to."""
        return self.color.split("_")[0]

    def intrinsics(self, height: int) -> Float[np.ndarray, "3 3"]:
        """Return the intrinsics for rows counted from the top, as OpenCV does; the file counts from the bottom."""
        flipped = self.raw_intrinsics.copy()
        flipped[1, 2] = height - 1 - flipped[1, 2]
        return flipped


def read_pictures(path: Path) -> tuple[HousePicture, ...]:
    """Return the pictures of an ``undistorted_camera_parameters/<house>.conf`` file.

    Raises:
        ValueError: when it is absent, lists no picture, or a line is broken.
    """
    pictures = []
    intrinsics: np.ndarray | None = None
    for line in read_lines(path):
        fields = line.split()
        try:
            if fields[0] == "intrinsics_matrix":
                intrinsics = np.array(fields[1:10], dtype=np.float64).reshape(3, 3)
            elif fields[0] == "scan":
                if intrinsics is None:
                    raise ValueError("no intrinsics_matrix before it")
                pose = np.array(fields[3:19], dtype=np.float64).reshape(4, 4)
                pictures.append(
                    HousePicture(
                        depth=fields[1],
                        color=fields[2],
                        raw_intrinsics=intrinsics,
                        camera_to_world=pose @ _OPENCV_AXES,
                    )
                )
        except (IndexError, ValueError) as error:
            raise ValueError(f"{path}: the line {line[:60]!r} is broken ({error})") from error
    if not pictures:
        raise ValueError(f"{path}: lists no picture (no line begins with scan)")
    return tuple(pictures)
