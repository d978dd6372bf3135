"""ScanNet's ``.sens`` files: one recording of an RGB-D camera, version 4, with JPEG colours and zlib depth."""

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8, UInt16
from PIL import Image

_VERSION = 4
_JPEG, _ZLIB_USHORT = 2, 1
MILLIMETRES = 1000.0
"""Depth units in a metre."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SensFrame:
    """One frame: 8-bit RGB, depth in millimetres (0 where missing), and the pose of the camera."""

    color: UInt8[np.ndarray, "height width 3"]
    depth: UInt16[np.ndarray, "height width"]
    camera_to_world: Float[np.ndarray, "4 4"]


def write_sens(
    path: Path,
    frames: tuple[SensFrame, ...],
    intrinsics: Float[np.ndarray, "3 3"],
    *,
    sensor: str,
    frame_time: int,
    jpeg_quality: int,
) -> None:
    """Write a recording of one camera that sees colour and depth through the same pixels.

    Args:
        path: the file.
        frames: at least one, all of one size.
        intrinsics: of that size.
        sensor: its name.
        frame_time: microseconds between frames.
        jpeg_quality: of the colours, 1 to 100.

    Raises:
        ValueError: when there is no frame, or the frames differ in size.
    """
    sizes = {frame.depth.shape for frame in frames} | {frame.color.shape[:2] for frame in frames}
    if len(sizes) != 1:
        raise ValueError(f"{path}: {len(frames)} frames of the sizes {sorted(sizes)}; give some of one size")
    ((height, width),) = sizes
    camera = np.eye(4, dtype="<f4")
    camera[:3, :3] = intrinsics
    calibration = camera.tobytes() + np.eye(4, dtype="<f4").tobytes()
    name = sensor.encode()
    with path.open("wb") as file:
        file.write(struct.pack("<IQ", _VERSION, len(name)) + name)
        file.write(2 * calibration)  # of the colours, then of the depth
        file.write(struct.pack("<ii", _JPEG, _ZLIB_USHORT))
        file.write(struct.pack("<IIIIfQ", width, height, width, height, MILLIMETRES, len(frames)))
        for number, frame in enumerate(frames):
            stamp = number * frame_time
            color, depth = (
                _jpeg(frame.color, jpeg_quality),
                zlib.compress(frame.depth.astype("<u2").tobytes()),
            )
            file.write(frame.camera_to_world.astype("<f4").tobytes())
            file.write(struct.pack("<QQQQ", stamp, stamp, len(color), len(depth)))
            file.write(color + depth)
        file.write(struct.pack("<Q", 0))  # no measurements of acceleration


def _jpeg(color: UInt8[np.ndarray, "height width 3"], quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(color).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()
