"""A tiny download of ARKitScenes in the official layout, for the tests to read and to break."""

import math
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from .indoor_files import grid_mesh, looking, rgb, smooth_color, write_json, write_ply, write_png, write_text

COORD, FACES = grid_mesh()
RGB = np.tile(np.array([[200, 100, 50]]), (len(COORD), 1))
DOWN = looking([1.0, 0.75, 2.0], [0, 0, -1], [0, -1, 0])
TIMES = ("6845.706", "6845.806", "6845.906", "6846.006")


def box(label: str, heading: float) -> dict[str, object]:
    c, s = math.cos(heading), math.sin(heading)
    aligned = {
        "centroid": [1, 2, 3],
        "axesLengths": [0.5, 1.5, 1.0],
        "normalizedAxes": [c, s, 0, -s, c, 0, 0, 0, 1],
    }
    return {"uid": "a", "label": label, "segments": {"obbAligned": aligned}}


def write_video(folder: Path, nested: bool) -> Path:
    """Write a video as the 3dod download has it, or with its frames beside the mesh as the raw one has."""
    name = folder.name
    vertex = rgb(RGB)
    write_ply(
        folder / f"{name}_3dod_mesh.ply",
        COORD,
        FACES,
        vertex={key: vertex[key] for key in ("red", "green", "blue")},
    )
    boxes = [box("tv/monitor", 0.5), box("unknown thing", 0.0), box("sofa", -2.0)]
    write_json(folder / f"{name}_3dod_annotation.json", {"data": boxes, "skipped": False})
    frames = folder / f"{name}_frames" if nested else folder
    world_to_camera = np.linalg.inv(DOWN)
    turn = Rotation.from_matrix(world_to_camera[:3, :3]).as_rotvec()
    numbers = " ".join(f"{value:.9f}" for value in (*turn, *world_to_camera[:3, 3]))
    # The third picture has no pose, and times differ by a millisecond.
    write_text(
        frames / "lowres_wide.traj",
        *(f"{float(time) + 0.0004} {numbers}" for time in reversed(TIMES) if time != TIMES[2]),
    )
    for i, time in enumerate(TIMES):
        write_png(frames / "lowres_wide" / f"{name}_{time}.png", smooth_color(18, 24, 10 * i))
        write_png(frames / "lowres_depth" / f"{name}_{time}.png", np.full((18, 24), 2000, np.uint16))
        camera = f"{name}_{float(time) - 0.001:.3f}.pincam"
        write_text(frames / "lowres_wide_intrinsics" / camera, "24 18 30.0 30.0 11.5 8.5")
    return frames


def write_download(root: Path) -> None:
    """Write all of it into ``root``."""
    write_video(root / "3dod" / "Training" / "40753679", nested=True)
    write_video(root / "3dod" / "Validation" / "41048190", nested=True)
