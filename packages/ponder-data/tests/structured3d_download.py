"""A tiny download of Structured3D in the official layout, for the tests to read and to break."""

import math
from pathlib import Path

import numpy as np
from PIL import Image
from ponder_data.indoor.pixels import panorama_rays

from .indoor_files import smooth_color, write_json, write_png, write_text

# A room of 6 x 4 x 3 metres around the origin, as rendered: everything is wall, but a bed covers the lower half.
ROOM = np.array([3.0, 2.0, 1.5])
EYE = np.array([0.5, -0.25, 0.0])
WALL, BED, UNKNOWN = 1, 4, 37
HALF = (math.radians(35), math.radians(28))


def wall_distance(directions: np.ndarray, eye: np.ndarray) -> np.ndarray:
    """Return the length of each direction until it leaves the room."""
    with np.errstate(divide="ignore"):
        lengths = (np.sign(directions) * ROOM - eye) / directions
    return np.where(directions == 0, np.inf, lengths).min(axis=-1)


def write_pictures(folder: Path, depth: np.ndarray, below: np.ndarray, instances: bool) -> None:
    """Write the pictures of one rendering; depth in metres, ``below`` where the bed is."""
    write_png(
        folder / "rgb_rawlight.png",
        np.dstack([smooth_color(*depth.shape), np.full(depth.shape, 255, np.uint8)]),
    )
    write_png(folder / "depth.png", np.rint(depth * 1000).astype(np.uint16))
    semantic = np.where(below, BED, WALL).astype(np.uint8)
    semantic[0, 0] = UNKNOWN
    picture = Image.fromarray(semantic, mode=None).convert("P")
    picture.putdata(semantic.reshape(-1).tolist())
    picture.save(folder / "semantic.png")
    if instances:
        write_png(folder / "instance.png", np.where(below, 7, 65535).astype(np.uint16))


def write_room(scene: Path, room: str) -> None:
    folder = scene / "2D_rendering" / room
    width, height = 48, 36
    for position, forward in enumerate(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (-1.0, 0.0, 0.0))):
        right = np.cross(forward, [0, 0, 1.0])
        u = (2 * np.arange(width) + 1 - width) / width * math.tan(HALF[0])
        v = (2 * np.arange(height) + 1 - height) / height * math.tan(HALF[1])
        grid_v, grid_u = np.meshgrid(v, u, indexing="ij")
        rays = np.asarray(forward) + grid_u[..., None] * right - grid_v[..., None] * np.array([0, 0, 1.0])
        below = rays[..., 2] < 0
        write_pictures(folder / "perspective" / "full" / str(position), wall_distance(rays, EYE), below, True)
        pose = [*(1000 * EYE), *forward, 0, 0, 1, *HALF, 1]
        write_text(
            folder / "perspective" / "full" / str(position) / "camera_pose.txt", " ".join(map(str, pose))
        )
    rays = panorama_rays(64, 32)
    write_pictures(folder / "panorama" / "full", wall_distance(rays, EYE), rays[..., 2] < 0, False)
    write_text(folder / "panorama" / "camera_xyz.txt", " ".join(map(str, 1000 * EYE)))


def write_download(root: Path) -> None:
    """Write all of it into ``root``."""
    for scene, room in (("scene_00001", "485142"), ("scene_00001", "925"), ("scene_03100", "12")):
        write_room(root / "Structured3D" / scene, room)
        turn = math.radians(30)
        basis = [[math.cos(turn), math.sin(turn), 0], [0, 0, 1], [-math.sin(turn), math.cos(turn), 0]]
        record = {"ID": 7, "basis": basis, "coeffs": [900, 300, 450], "centroid": [100, 200, -600]}
        write_json(root / "Structured3D" / scene / "bbox_3d.json", [record, {**record, "ID": 8}])
