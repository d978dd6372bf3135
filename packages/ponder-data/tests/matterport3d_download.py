"""A tiny download of Matterport3D in the official layout, for the tests to read and to break."""

import math
from pathlib import Path

import numpy as np
from PIL import Image

from .indoor_files import grid_mesh, looking, rgb, smooth_color, write_ply, write_png, write_text

COORD, FACES = grid_mesh(4, 5)
RGB = np.tile(np.array([[200, 100, 50]]), (len(COORD), 1))
NORMAL = np.tile([0.0, 0.0, 1.0], (len(COORD), 1))
# Left half of the grid: floor (raw category 4); right half: a kitchen chair (raw category 50), but one triangle
# without any; the instances are numbered by region.
LEFT = COORD[FACES].mean(axis=1)[:, 0] < 1.0
CATEGORY = np.where(LEFT, 4, 50)
INSTANCE = np.where(LEFT, 11, 12)
HERE, THERE = "a" * 32, "b" * 32
DOWN = looking([1.0, 0.75, 2.0], [0, 0, -1], [0, -1, 0])
# Of a real house: the principal point of the original camera is (631.116, 513.798) in pictures of 1280 x 1024.
REAL = "intrinsics_matrix 1076.45 0 631.116  0 1077.19 509.202  0 0 1"


def write_house(root: Path, name: str, nested: bool = False) -> Path:
    house = root / "v1" / "scans" / name / name if nested else root / "v1" / "scans" / name
    vertex = rgb(RGB) | {f"n{axis}": ("float", NORMAL[:, i]) for i, axis in enumerate("xyz")}
    face = {
        "material_id": ("int", np.arange(len(FACES))),
        "segment_id": ("int", INSTANCE),
        "category_id": ("int", np.where(np.arange(len(FACES)) == len(FACES) - 1, -1, CATEGORY)),
    }
    for region in (0, 2, 10):
        write_ply(
            house / "region_segmentations" / f"region{region}.ply", COORD, FACES, vertex=vertex, face=face
        )
    c, s = math.cos(0.4), math.sin(0.4)
    write_text(
        house / "house_segmentations" / f"{name}.house",
        "ASCII 1.0",
        f"H {name} - 0 2 0 0 0 4 3 3 0 1 0 0 0 0 0 0 0 0 1 1 1 0 0 0 0 0",
        "L 0 3 a 0 0 0 0 0 0 1 1 1 0 0 0 0 0",
        *(f"R {i} 0 0 0 k 0 0 0 0 0 0 1 1 1 2.5 0 0 0 0" for i in range(3)),
        f"P {HERE} 0 0 0 1 1 1 0 0 0 0 0",
        "C 0 4 floor 2 floor 0 0 0 0 0",
        "C 1 50 kitchen#chair 3 chair 0 0 0 0 0",
        "C 2 60 unknown 41 unlabeled 0 0 0 0 0",
        f"O 5 0 1 1 2 3 {c} {s} 0 {-s} {c} 0 0.5 0.25 0.75 0 0 0 0 0 0 0 0",
        "O 6 2 1 9 9 9 1 0 0 0 1 0 1 1 1 0 0 0 0 0 0 0 0",
        "O 7 0 2 9 9 9 1 0 0 0 1 0 1 1 1 0 0 0 0 0 0 0 0",
        "O 8 0 -1 9 9 9 0 0 0 0 0 0 1 1 1 0 0 0 0 0 0 0 0",
    )
    write_text(house / "house_segmentations" / "panorama_to_region.txt", f"0 {HERE} 0 k", f"1 {THERE} 2 b")
    opengl = DOWN @ np.diag([1.0, -1.0, -1.0, 1.0])
    row = " ".join(f"{value:.9f}" for value in opengl.reshape(-1))
    lines = ["dataset matterport", "n_images 4", "depth_directory undistorted_depth_images", ""]
    # Counted from the bottom: from the top the middle row is 24 - 1 - 13 = 10.
    lines.append("intrinsics_matrix 30.0 0 14.5  0 30.0 13.0  0 0 1")
    for panorama in (HERE, THERE):
        for yaw in range(2):
            lines.append(f"scan {panorama}_d1_{yaw}.png {panorama}_i1_{yaw}.jpg {row}")
            depth = house / "undistorted_depth_images" / f"{panorama}_d1_{yaw}.png"
            write_png(depth, np.full((24, 32), 8000, np.uint16))
            color = house / "undistorted_color_images" / f"{panorama}_i1_{yaw}.jpg"
            color.parent.mkdir(exist_ok=True)
            Image.fromarray(smooth_color(24, 32, 50 * yaw)).save(color, quality=98, subsampling=0)
    write_text(house / "undistorted_camera_parameters" / f"{name}.conf", *lines)
    return house


def write_download(root: Path) -> None:
    """Write all of it into ``root``."""
    write_house(root, "17DRP5sb8fy")
    write_house(root, "zsNo4HB9uLZ", nested=True)
    write_text(root / "scenes_train.txt", "17DRP5sb8fy")
    write_text(root / "scenes_val.txt", "zsNo4HB9uLZ")
