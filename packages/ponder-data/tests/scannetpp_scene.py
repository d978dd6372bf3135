"""A tiny scene of ScanNet++ in the official layout, for the tests to read and to break."""

from pathlib import Path

import numpy as np
from ponder_data.indoor.phone import DEPTH_SIZE

from .indoor_files import grid_mesh, looking, rgb, write_json, write_ply, write_text

COORD, FACES = grid_mesh()
RGB = np.tile(np.array([[200, 100, 50]]), (len(COORD), 1))
SEGMENTS = np.repeat([70, 3, 12, 5], 5)
GROUPS = ((1, "office desk", [12, 3]), (4, "cup", [12]), (9, "REMOVE", [70]), (10, "floor", [70]))
WIDTH, HEIGHT = 128, 96
COUNT = 40
DOWN = looking([1.0, 0.75, 2.0], [0, 0, -1], [0, -1, 0])
INTRINSICS = np.array([[100.0, 0.0, 63.5], [0.0, 100.0, 47.5], [0.0, 0.0, 1.0]])
COLUMNS, ROWS = DEPTH_SIZE


def shade(frame: int) -> np.ndarray:
    """Return a flat picture that tells its number, of which a video keeps enough."""
    return np.full((HEIGHT, WIDTH, 3), 20 + 5 * frame, np.uint8)


def depth_of(frame: int) -> np.ndarray:
    """Return a frame's depth in millimetres, which tells its number; its upper rows are missing."""
    depth = np.full((ROWS, COLUMNS), 2000 + frame, np.uint16)
    depth[:10] = 0
    return depth


def write_scene(root: Path, name: str) -> Path:
    """Write a scene with the phone's poses, but without its pictures; return the phone's folder."""
    scans, phone = root / "data" / name / "scans", root / "data" / name / "iphone"
    write_ply(scans / "mesh_aligned_0.05.ply", COORD, FACES, vertex=rgb(RGB))
    write_json(scans / "segments.json", {"sceneId": name, "segIndices": SEGMENTS.tolist()})
    groups = [{"id": i, "objectId": i, "label": label, "segments": ids} for i, label, ids in GROUPS]
    write_json(scans / "segments_anno.json", {"segGroups": groups})
    write_text(scans / "mesh_aligned_0.05_mask.txt", "19 0")
    records = {
        f"frame_{i:06d}": {
            "timestamp": i / 60,
            "aligned_pose": DOWN.tolist(),
            "intrinsic": INTRINSICS.tolist(),
        }
        for i in range(COUNT)
    }
    records["frame_000020"]["aligned_pose"] = np.full((4, 4), np.nan).tolist()
    write_json(phone / "pose_intrinsic_imu.json", records)
    return phone


def write_download(root: Path) -> Path:
    """Write a whole download: one scene, its lists, and the tables of the benchmark; return the phone's folder."""
    phone = write_scene(root, "036bce3393")
    write_text(root / "splits" / "nvs_sem_train.txt", "036bce3393")
    write_text(root / "splits" / "sem_test.txt", "036bce3393")
    benchmark = root / "metadata" / "semantic_benchmark"
    write_text(benchmark / "top100.txt", "floor", "table", "cup", "chair")
    write_text(
        benchmark / "map_benchmark.csv", "class,count,instance_map_to,semantic_map_to", "office desk,9,,table"
    )
    with (benchmark / "map_benchmark.csv").open("a") as file:
        file.write('cup,5,,\nREMOVE,9,None,None\n"lamp, big",1,,chair\n')
    return phone
