"""LiDAR sweeps: their files, and several of them joined in the frame of the newest."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

_COLUMNS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One turn of the LiDAR.

    Attributes:
        coord: metres, in the LiDAR's own frame at that time (x right, y forward, z up).
        intensity: in [0, 1].
        ring: the beam, 0 the lowest.
        time: seconds before the keyframe.
        to_keyframe: from its frame to the LiDAR's frame at the keyframe, float64.
    """

    coord: Float[np.ndarray, "points 3"]
    intensity: Float[np.ndarray, " points"]
    ring: Int[np.ndarray, " points"]
    time: float
    to_keyframe: Float[np.ndarray, "4 4"]

    def __len__(self) -> int:
        return self.coord.shape[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptCloud:
    """Joined sweeps in the LiDAR's frame at the keyframe; the keyframe's own ``first`` points come first."""

    coord: Float[np.ndarray, "points 3"]
    intensity: Float[np.ndarray, " points"]
    time: Float[np.ndarray, " points"]
    ring: Int[np.ndarray, " points"]
    first: int


def read_sweep_file(path: Path) -> Float[np.ndarray, "points 5"]:
    """Return what a ``.pcd.bin`` file holds: x, y, z (metres), intensity (0 to 255), ring; float32.

    Raises:
        ValueError: when the file is absent or cut off.
    """
    values = _read_array(path, np.dtype("<f4"))
    if len(values) % _COLUMNS:
        raise ValueError(
            f"{path}: holds {len(values)} float32, not a multiple of {_COLUMNS}: it is cut off or of another "
            "kind; unpack it again"
        )
    return values.reshape(-1, _COLUMNS)


def read_label_file(path: Path, points: int) -> UInt8[np.ndarray, " points"]:
    """Return the raw lidarseg ids of a sweep of ``points`` points.

    Raises:
        ValueError: when the file is absent or holds another number of labels.
    """
    labels = _read_array(path, np.dtype(np.uint8))
    if len(labels) != points:
        raise ValueError(
            f"{path}: holds {len(labels)} labels for a sweep of {points} points; unpack it again"
        )
    return labels


def _read_array(path: Path, dtype: np.dtype) -> np.ndarray:
    try:
        # A trailing part of a number is an error here, where np.fromfile would drop it.
        return np.frombuffer(path.read_bytes(), dtype=dtype)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}); is this part unpacked?") from error
    except ValueError as error:
        raise ValueError(f"{path}: is cut off ({error}); unpack it again") from error


def far_enough(coord: Float[np.ndarray, "points 3"], min_distance: float) -> Bool[np.ndarray, " points"]:
    """Whether each point lies outside the square ``|x|, |y| < min_distance`` about the sensor.

    Inside it there is mostly the vehicle that carries the sensor.
    """
    return np.abs(coord[:, :2]).max(axis=1) >= min_distance


def join_sweeps(sweeps: Sequence[Sweep], min_distance: float) -> SweptCloud:
    """Join sweeps in the keyframe's LiDAR frame, points near the sensor removed from each before it is moved.

    What stands still falls into place; what moves leaves a trail, which ``time`` tells apart.

    Raises:
        ValueError: when there is no sweep.
    """
    if len(sweeps) == 0:
        raise ValueError("join_sweeps: got no sweeps; the first must be the keyframe's own")
    kept = [far_enough(sweep.coord, min_distance) for sweep in sweeps]
    coord = [
        sweep.coord[keep].astype(np.float64) @ sweep.to_keyframe[:3, :3].T + sweep.to_keyframe[:3, 3]
        for sweep, keep in zip(sweeps, kept, strict=True)
    ]
    time = [
        np.full(len(part), sweep.time, dtype=np.float32) for sweep, part in zip(sweeps, coord, strict=True)
    ]
    return SweptCloud(
        coord=np.concatenate(coord).astype(np.float32),
        intensity=np.concatenate([sweep.intensity[keep] for sweep, keep in zip(sweeps, kept, strict=True)]),
        time=np.concatenate(time),
        ring=np.concatenate([sweep.ring[keep] for sweep, keep in zip(sweeps, kept, strict=True)]),
        first=len(coord[0]),
    )
