"""RGB-D frames as ScanNet's own program exports them from ``.sens``, and as its 25 000 frames are laid out.

Layout: ``color/N.jpg`` (or ``.png``), ``depth/N.png`` (uint16, millimetres, 0 missing) and ``pose/N.txt`` (4x4 camera
to world), N being numbers with or without leading zeros; ``intrinsic_color.txt`` and ``intrinsic_depth.txt``
(4x4 or 3x3), in ``intrinsic/`` or beside, also under the name ``intrinsics_...``.
"""

from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ponder_data.datasets.rgbd_folder import (
    FrameFiles,
    RgbdFolder,
    checked_intrinsics,
    pose_of_file,
    read_matrix,
    usable_frames,
)

_COLOR_ENDINGS = (".jpg", ".png", ".jpeg")


def is_scannet_export(path: Path) -> bool:
    """Return whether a folder has this layout."""
    return all((path / name).is_dir() for name in ("color", "depth", "pose"))


def open_scannet_export(path: Path, frame_stride: int = 1) -> RgbdFolder:
    """Return the usable frames among every ``frame_stride``-th.

    Frames without a pose, whose file holds minus infinity, are dropped and counted like all unusable ones. Colour and
    depth of ScanNet are of different size; they were taken, as the export says, from one place.

    Raises:
        ValueError: when there are no intrinsics of the depth camera, or no frame is usable.
    """
    depths = sorted((path / "depth").glob("*.png"), key=_by_number)[::frame_stride]
    if not depths:
        raise ValueError(f"{path / 'depth'}: holds no .png; export the frames again")
    intrinsics = _intrinsics(path, "depth")
    if intrinsics is None:
        raise ValueError(
            f"{path}: has no intrinsic/intrinsic_depth.txt; export the frames again, or write this file"
        )
    candidates = [
        FrameFiles(
            name=depth.stem,
            color=_color_file(path, depth.stem),
            depth=depth,
            read_pose=partial(pose_of_file, path / "pose" / f"{depth.stem}.txt"),
        )
        for depth in depths
    ]
    return usable_frames(path, candidates, intrinsics, color_intrinsics=_intrinsics(path, "color"))


def _by_number(path: Path) -> tuple[int, str]:
    return (int(path.stem) if path.stem.isdigit() else -1, path.stem)


def _color_file(path: Path, name: str) -> Path | None:
    files = [path / "color" / f"{name}{ending}" for ending in _COLOR_ENDINGS]
    return next((file for file in files if file.is_file()), None)


def _intrinsics(path: Path, camera: str) -> Float[np.ndarray, "3 3"] | None:
    """Return the intrinsics of a camera from the first of its files that is there."""
    names = (f"intrinsic_{camera}.txt", f"intrinsics_{camera}.txt")
    for file in (folder / name for folder in (path / "intrinsic", path) for name in names):
        if file.is_file():
            size = 3 if len(file.read_text().split()) == 9 else 4
            return checked_intrinsics(read_matrix(file, size)[:3, :3], file)
    return None
