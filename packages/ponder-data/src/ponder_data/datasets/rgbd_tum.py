"""RGB-D frames in the layout of the TUM benchmark (Sturm et al., "A benchmark for the evaluation of RGB-D SLAM
systems", IROS 2012), which ETH3D, Bonn and ICL-NUIM use too.

Layout: ``rgb.txt`` and ``depth.txt`` (``timestamp file`` in each line), ``groundtruth.txt`` (``timestamp tx ty tz qx
qy qz qw``, camera to world), all times in seconds, ``#`` starting comments. Depth is 16 bit, 5000 units a metre, 0
missing, and registered to colour. Intrinsics stand in ``camera-intrinsics.txt`` (3x3) or ``calibration.txt`` (``fx fy
cx cy``); for TUM's own recordings they are known by the folder's name.
"""

from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation, Slerp

from ponder_data.datasets.rgbd_folder import (
    FrameFiles,
    RgbdFolder,
    UnusableFrameError,
    checked_intrinsics,
    checked_pose,
    read_intrinsics,
    usable_frames,
)

DEPTH_SCALE = 5000.0
TOLERANCE = 0.02
"""Seconds by which what belongs together may be apart, as in the benchmark's own program."""

_KNOWN_INTRINSICS = {
    # The benchmark advises the first Kinect's nominal values where pictures were not undistorted, as here.
    "freiburg1": (525.0, 525.0, 319.5, 239.5),
    "freiburg2": (525.0, 525.0, 319.5, 239.5),
    # These pictures are undistorted: the calibration is exact.
    "freiburg3": (535.4, 539.2, 320.1, 247.6),
}


def is_tum(path: Path) -> bool:
    """Return whether a folder has this layout."""
    return all((path / name).is_file() for name in ("rgb.txt", "depth.txt", "groundtruth.txt"))


def open_tum(path: Path, frame_stride: int = 1) -> RgbdFolder:
    """Return the usable frames among every ``frame_stride``-th depth picture that has a colour picture.

    Pictures are paired by time, nearest first; the pose is that of the depth picture's time, interpolated.

    Raises:
        ValueError: when a list or the intrinsics cannot be read, or no frame is usable.
    """
    color_times, colors = _read_list(path / "rgb.txt", 1)
    depth_times, depths = _read_list(path / "depth.txt", 1)
    pose_times, rows = _read_list(path / "groundtruth.txt", 7)
    trajectory = _numbers(path / "groundtruth.txt", rows, 7)
    pairs = associate(depth_times, color_times, TOLERANCE)[::frame_stride]
    if len(pairs) == 0:
        raise ValueError(
            f"{path}: no picture of depth.txt has one of rgb.txt within {TOLERANCE} s; check the time stamps"
        )
    candidates = [
        FrameFiles(
            name=Path(depths[depth][0]).stem,
            color=path / colors[color][0],
            depth=path / depths[depth][0],
            read_pose=partial(
                _pose_at, path / "groundtruth.txt", float(depth_times[depth]), pose_times, trajectory
            ),
        )
        for depth, color in pairs
    ]
    return usable_frames(path, candidates, _intrinsics(path), depth_scale=DEPTH_SCALE)


def associate(
    first: Float[np.ndarray, " first"], second: Float[np.ndarray, " second"], tolerance: float
) -> Int[np.ndarray, "pairs 2"]:
    """Return the pairs of indices whose times belong together, in the order of ``first``.

    Of all pairs nearer than ``tolerance`` the nearest is taken, then the nearest of what is left, and so on; each
    time belongs to one pair at most.

    Args:
        first: seconds, ascending.
        second: seconds, ascending.
        tolerance: seconds.
    """
    low = np.searchsorted(second, first - tolerance, side="left")
    high = np.searchsorted(second, first + tolerance, side="right")
    near = [(i, j) for i in range(len(first)) for j in range(low[i], high[i])]
    free_first, free_second = np.ones(len(first), dtype=bool), np.ones(len(second), dtype=bool)
    kept = []
    for i, j in sorted(near, key=lambda pair: abs(first[pair[0]] - second[pair[1]])):
        if free_first[i] and free_second[j]:
            free_first[i] = free_second[j] = False
            kept.append((i, j))
    return np.array(sorted(kept), dtype=np.int64).reshape(-1, 2)


def _pose_at(
    path: Path, time: float, times: Float[np.ndarray, " poses"], rows: Float[np.ndarray, "poses 7"]
) -> Float[np.ndarray, "4 4"]:
    """Return the pose at a time: linear in position and along the shortest turn between the two about it.

    Raises:
        UnusableFrameError: when no pose is within the tolerance.
        ValueError: when one of the two is none.
    """
    after = int(np.clip(np.searchsorted(times, time), 1, len(times) - 1))
    pair = slice(after - 1, after + 1)
    if np.abs(times[pair] - time).min() > TOLERANCE:
        raise UnusableFrameError(f"no pose within {TOLERANCE} s")
    position, quaternion = rows[pair, :3], rows[pair, 3:]
    if not (np.isfinite(rows[pair]).all() and (np.linalg.norm(quaternion, axis=1) > 0.5).all()):
        raise ValueError(f"{path}: {rows[pair].tolist()} holds no unit quaternion")
    share = float(np.clip((time - times[pair][0]) / max(times[pair][1] - times[pair][0], 1e-9), 0.0, 1.0))
    pose = np.eye(4)
    pose[:3, :3] = Slerp([0.0, 1.0], Rotation.from_quat(quaternion))(share).as_matrix()
    pose[:3, 3] = (1.0 - share) * position[0] + share * position[1]
    return checked_pose(pose, path)


def _read_list(path: Path, columns: int) -> tuple[Float[np.ndarray, " lines"], list[list[str]]]:
    """Return the times of a list in order and the words that follow each.

    Raises:
        ValueError: when it cannot be read, or holds fewer than two lines or one that is too short.
    """
    try:
        lines = [line.replace(",", " ").split() for line in path.read_text().splitlines()]
        entries = sorted(
            ((float(words[0]), words[1:]) for words in lines if words and not words[0].startswith("#")),
            key=lambda entry: entry[0],
        )
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path}: cannot be read as a list by time stamps ({error}); copy it again"
        ) from error
    short = sum(len(words) < columns for _, words in entries)
    if len(entries) < 2 or short:
        raise ValueError(
            f"{path}: has {len(entries)} lines, of which {short} hold fewer than {columns + 1} entries; copy it again"
        )
    return np.array([time for time, _ in entries]), [words for _, words in entries]


def _numbers(path: Path, rows: list[list[str]], columns: int) -> Float[np.ndarray, "rows columns"]:
    try:
        return np.array([[float(word) for word in row[:columns]] for row in rows])
    except ValueError as error:
        raise ValueError(f"{path}: holds something else than numbers ({error}); copy it again") from error


def _intrinsics(path: Path) -> Float[np.ndarray, "3 3"]:
    if (path / "camera-intrinsics.txt").is_file():
        return read_intrinsics(path / "camera-intrinsics.txt")
    file = path / "calibration.txt"
    if file.is_file():
        words = file.read_text().split()
        return _pinhole(file, tuple(_numbers(file, [words], 4)[0]) if len(words) >= 4 else ())
    for name, values in _KNOWN_INTRINSICS.items():
        if name in path.resolve().name:
            return _pinhole(path, values)
    raise ValueError(
        f"{path}: has no camera-intrinsics.txt, and its name tells no recording of TUM "
        f"({', '.join(_KNOWN_INTRINSICS)}); write this file: three lines, fx 0 cx, 0 fy cy, 0 0 1"
    )


def _pinhole(path: Path, values: tuple[float, ...]) -> Float[np.ndarray, "3 3"]:
    if len(values) != 4:
        raise ValueError(f"{path}: holds fewer than four numbers; expected fx fy cx cy")
    fx, fy, cx, cy = values
    return checked_intrinsics(np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]]), path)
