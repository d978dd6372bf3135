"""ScanNet's sensor streams: frames of a ``.sens`` file (version 4) by number, without unpacking it.

Layout, little endian: a header (version, sensor name, four 4x4 matrices, compressions, sizes, units of depth per
metre, number of frames); then for each frame its camera-to-world pose, two timestamps, the sizes of two blobs, and
these: a JPEG and zlib-compressed uint16 depth. Readings of the inertial sensor follow; they are left alone.
"""

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from ponder_data.indoor.files import PICTURE_ERRORS

SYNTHETIC_SENSOR = "Ponder synthetic rooms"
"""The sensor of recordings that no camera took: rooms of `SyntheticRooms`, written in ScanNet's layout."""

_VERSION = 4
_JPEG = 2
_ZLIB_USHORT = 1
_COLOR_COMPRESSIONS = {0: "raw", 1: "png", 2: "jpeg"}
_DEPTH_COMPRESSIONS = {0: "raw_ushort", 1: "zlib_ushort", 2: "occi_ushort"}
_FRAME = struct.Struct("<16f4Q")
_SETTINGS = struct.Struct("<64f2i4IfQ")
_LONGEST_NAME = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class SensFile:
    """Where everything is in a ``.sens`` file; nothing of the pictures has been read.

    Poses are the file's: frames whose tracking was lost have infinite ones.
    """

    path: Path
    sensor: str
    color_intrinsics: Float[np.ndarray, "3 3"]
    depth_intrinsics: Float[np.ndarray, "3 3"]
    color_size: tuple[int, int]
    depth_size: tuple[int, int]
    depth_units: float
    camera_to_world: Float[np.ndarray, "frames 4 4"]
    color_place: Int[np.ndarray, "frames 2"]
    depth_place: Int[np.ndarray, "frames 2"]

    def __len__(self) -> int:
        return len(self.camera_to_world)

    def color(self, frame: int) -> UInt8[np.ndarray, "height width 3"]:
        """Return the colour picture of a frame.

        Raises:
            ValueError: when it cannot be decoded.
        """
        data = self._blob(self.color_place[frame])
        try:
            with Image.open(io.BytesIO(data)) as image:
                picture = np.array(image.convert("RGB"))
        except PICTURE_ERRORS as error:
            raise ValueError(f"{self.path}: the colour of frame {frame} is no picture ({error})") from error
        return picture

    def depth(self, frame: int) -> Float[np.ndarray, "height width"]:
        """Return the z-depth of a frame in metres, 0 where missing.

        Raises:
            ValueError: when it cannot be decompressed or has another size than the header says.
        """
        width, height = self.depth_size
        try:
            data = zlib.decompress(self._blob(self.depth_place[frame]))
        except zlib.error as error:
            raise ValueError(f"{self.path}: the depth of frame {frame} is broken ({error})") from error
        if len(data) != 2 * width * height:
            raise ValueError(
                f"{self.path}: the depth of frame {frame} has {len(data)} bytes; {width}x{height} pixels take "
                f"{2 * width * height}"
            )
        raw = np.frombuffer(data, dtype="<u2").reshape(height, width)
        return raw.astype(np.float32) / np.float32(self.depth_units)

    def _blob(self, place: Int[np.ndarray, "2"]) -> bytes:
        with self.path.open("rb") as file:
            file.seek(int(place[0]))
            return file.read(int(place[1]))


def open_sens(path: Path) -> SensFile:
    """Return the index of a ``.sens`` file: its header and where each frame is.

    Only the small header of each frame is read, so this takes milliseconds even for gigabytes.

    Raises:
        ValueError: when it is absent, cut off, of another version or compression, or no such file.
    """
    try:
        # Unbuffered: a buffer would read the pictures between the headers along.
        with path.open("rb", buffering=0) as file:
            return _read_index(path, file)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}); download it again") from error


def _exactly(path: Path, file: io.RawIOBase | io.FileIO, size: int, where: str) -> bytes:
    data = file.read(size) or b""
    if len(data) != size:
        raise ValueError(f"{path}: is cut off in {where}; download it again")
    return data


def _read_index(path: Path, file: io.FileIO) -> SensFile:
    version, length = struct.unpack("<IQ", _exactly(path, file, 12, "its header"))
    if version != _VERSION or length > _LONGEST_NAME:
        raise ValueError(f"{path}: is no .sens file of version {_VERSION} (it begins with {version})")
    sensor = _exactly(path, file, length, "its header").decode("utf-8", errors="replace")
    values = _SETTINGS.unpack(_exactly(path, file, _SETTINGS.size, "its header"))
    matrices = np.array(values[:64], dtype=np.float64).reshape(4, 4, 4)
    color_compression, depth_compression, color_width, color_height, width, height, units, frames = values[
        64:
    ]
    if color_compression != _JPEG or depth_compression != _ZLIB_USHORT:
        raise ValueError(
            f"{path}: holds {_COLOR_COMPRESSIONS.get(color_compression, color_compression)} colours and "
            f"{_DEPTH_COMPRESSIONS.get(depth_compression, depth_compression)} depth; only jpeg and zlib_ushort, "
            "which ScanNet uses, are read"
        )
    if not (np.isfinite(units) and units > 0 and min(width, height) > 0):
        raise ValueError(
            f"{path}: says {units} depth units per metre and {width}x{height} pixels; download it again"
        )
    poses, color_place, depth_place = _frame_places(path, file, frames)
    return SensFile(
        path=path,
        sensor=sensor,
        color_intrinsics=matrices[0, :3, :3],
        depth_intrinsics=matrices[2, :3, :3],
        color_size=(color_width, color_height),
        depth_size=(width, height),
        depth_units=float(units),
        camera_to_world=poses,
        color_place=color_place,
        depth_place=depth_place,
    )


def _frame_places(
    path: Path, file: io.FileIO, frames: int
) -> tuple[Float[np.ndarray, "frames 4 4"], Int[np.ndarray, "frames 2"], Int[np.ndarray, "frames 2"]]:
    """Return the poses, and offset and size of the colour and the depth of each frame."""
    end = path.stat().st_size
    # The number is the file's word; memory is taken as frames are found.
    poses, places = [], []
    for frame in range(frames):
        where = f"frame {frame} of {frames}"
        header = _FRAME.unpack(_exactly(path, file, _FRAME.size, where))
        poses.append(header[:16])
        color, depth = header[18:]
        start = file.tell()
        if start + color + depth > end:
            raise ValueError(f"{path}: is cut off in {where}; download it again")
        places.append((start, color, start + color, depth))
        file.seek(start + color + depth)
    table = np.array(places, dtype=np.int64).reshape(-1, 4)
    return np.array(poses, dtype=np.float64).reshape(-1, 4, 4), table[:, :2], table[:, 2:]
