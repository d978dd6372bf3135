"""A tiny download of ScanNet in the official layout, for the tests to read and to break."""

from pathlib import Path

import numpy as np

from .indoor_files import (
    INFINITE,
    grid_mesh,
    looking,
    rgb,
    sens_bytes,
    smooth_color,
    write_json,
    write_ply,
    write_text,
)

COORD, FACES = grid_mesh()
POINTS = len(COORD)
RGB = np.stack([np.arange(POINTS) * 9, 255 - np.arange(POINTS), np.full(POINTS, 7)], axis=1)
# Segments of the vertices, under large numbers as in the real files; the last five belong to no object.
SEGMENTS = np.repeat([1004, 17, 88_000, 5], [6, 5, 4, 5])
GROUPS = (
    (0, "floor", [1004]),
    (3, "office chair", [88_000, 17]),
    (4, "unheard of", [123_456]),
)
NYU40 = np.repeat([2, 5, 39, 13, 0], [6, 5, 4, 2, 3])
TURN = np.array([[0.0, -1.0, 0.0, 2.0], [1.0, 0.0, 0.0, -1.0], [0.0, 0.0, 1.0, 0.25], [0.0, 0.0, 0.0, 1.0]])
DEPTH = np.array([[30.0, 0.0, 11.5], [0.0, 30.0, 8.5], [0.0, 0.0, 1.0]])
COLOR = np.array([[60.0, 0.0, 23.5], [0.0, 60.0, 17.5], [0.0, 0.0, 1.0]])
# Above the floor, looking down.
DOWN = looking([1.0, 0.75, 2.0], [0, 0, -1], [0, -1, 0])
TSV = (
    "id\traw_category\tcategory\tnyu40id\tnyu40class",
    "3\tfloor\tfloor\t2\tfloor",
    "10\toffice chair\toffice chair\t5\tchair",
    "12\tunheard of\t\t\t",
    "2\toffice chair\tchair\t5\tchair",
)


def write_scan(root: Path, name: str, folder: str = "scans", labelled: bool = True) -> Path:
    """Write one scan in the layout of the official download."""
    scan = root / folder / name
    write_ply(scan / f"{name}_vh_clean_2.ply", COORD, FACES, vertex=rgb(RGB))
    row = " ".join(f"{value:.6f}" for value in TURN.reshape(-1))
    write_text(
        scan / f"{name}.txt", f"axisAlignment = {row}" if labelled else "sceneType = Office", "fx_depth = 30"
    )
    poses = (DOWN, INFINITE, DOWN, DOWN)
    depths = [np.full((18, 24), 2000 + 100 * i) for i in range(4)]
    colors = [smooth_color(36, 48, 20 * i) for i in range(4)]
    (scan / f"{name}.sens").write_bytes(sens_bytes(colors, depths, poses, COLOR, DEPTH))
    if labelled:
        write_ply(
            scan / f"{name}_vh_clean_2.labels.ply",
            COORD,
            FACES,
            vertex=rgb(RGB) | {"label": ("ushort", NYU40)},
        )
        groups = [
            {"id": i, "objectId": number, "label": label, "segments": segments}
            for i, (number, label, segments) in enumerate(GROUPS)
        ]
        write_json(scan / f"{name}.aggregation.json", {"sceneId": f"scannet.{name}", "segGroups": groups})
        write_json(
            scan / f"{name}_vh_clean_2.0.010000.segs.json",
            {"sceneId": name, "params": {}, "segIndices": SEGMENTS.tolist()},
        )
    return scan


def write_download(root: Path) -> None:
    """Write all of it into ``root``."""
    write_scan(root, "scene0000_00")
    write_scan(root, "scene0011_00")
    write_scan(root, "scene0707_00", "scans_test", labelled=False)
    write_text(root / "scannetv2_train.txt", "scene0000_00")
    write_text(root / "Tasks" / "Benchmark" / "scannetv2_val.txt", "scene0011_00")
    write_text(root / "scannetv2_test.txt", "scene0707_00")
    write_text(root / "scannetv2-labels.combined.tsv", *TSV)
