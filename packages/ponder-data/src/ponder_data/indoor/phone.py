"""The streams of ScanNet++'s phones: pictures in a video, depth in compressed blocks; both read by frame number."""

import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8

from ponder_data.indoor.optional import load_av, load_lz4

DEPTH_SIZE = (256, 192)
"""(width, height) of the phone's depth."""

_PIXELS = DEPTH_SIZE[0] * DEPTH_SIZE[1]
_MILLIMETRES = 1000.0
# No frame takes more, however badly it compresses.
_LONGEST_BLOCK = 4 * _PIXELS + 4096


def read_video_frames(path: Path, frames: Sequence[int]) -> list[UInt8[np.ndarray, "height width 3"]]:
    """Return frames of a video by number, counted from 0 in the order in which they are shown.

    The video is decoded from the last key frame before each one asked for; frames are known by their times, so
    what comes back is exact whatever the frame rate.

    Raises:
        ImportError: where the extra ``scenes`` is not installed.
        ValueError: when the file is absent or no video, or ends before one of the frames.
    """
    av = load_av()
    if not path.is_file():
        raise ValueError(f"{path}: no such file; download this scene again")
    try:
        state = path.stat()
        times = _frame_times(path, state.st_size, state.st_mtime_ns)
        beyond = [frame for frame in frames if not 0 <= frame < len(times)]
        if beyond:
            raise ValueError(f"it has {len(times)} frames, so none of number {beyond[0]}")
        with av.open(str(path)) as video:
            return [_decoded(video, int(times[frame])) for frame in frames]
    except (av.error.FFmpegError, ValueError, IndexError) as error:
        raise ValueError(f"{path}: cannot be read as a video ({error}); download it again") from error


@lru_cache(maxsize=16)
def _frame_times(path: Path, size: int, changed: int) -> Int[np.ndarray, " frames"]:
    """Return the times of all frames, sorted, in the stream's units; nothing is decoded.

    Args:
        path: of the video.
        size: of the file, only to notice that it is another one.
        changed: when, likewise.
    """
    del size, changed
    with load_av().open(str(path)) as video:
        times = [packet.pts for packet in video.demux(video.streams.video[0]) if packet.pts is not None]
    return np.unique(np.array(times, dtype=np.int64))


def _decoded(video: Any, time: int) -> UInt8[np.ndarray, "height width 3"]:
    stream = video.streams.video[0]
    video.seek(time, stream=stream, backward=True)
    for frame in video.decode(stream):
        if frame.pts == time:
            return frame.to_ndarray(format="rgb24")
    raise ValueError("it ends early")


def read_depth_frames(path: Path, frames: Sequence[int]) -> list[Float[np.ndarray, "192 256"]]:
    """Return frames of a ``depth.bin`` file by number, in metres, 0 where missing.

    A file is either a row of blocks, each after its length (uint32): uint16 millimetres compressed by LZ4, or
    float32 metres by deflate; or, in the first releases, one deflate stream of all frames in float32 metres.

    Raises:
        ImportError: where the extra ``scenes`` is not installed.
        ValueError: when the file is absent, cut off, or has no such frame.
    """
    try:
        blocks = _block_places(path)
        if blocks is None:
            return _from_one_stream(path, frames)
        with path.open("rb") as file:
            return [_from_block(path, file, blocks, frame) for frame in frames]
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}); download it again") from error


def _block_places(path: Path) -> list[tuple[int, int]] | None:
    """Return offset and length of each block; None when the file is not made of blocks."""
    end = path.stat().st_size
    places = []
    with path.open("rb", buffering=0) as file:
        start = 0
        while start < end:
            file.seek(start)
            length = int.from_bytes(file.read(4), "little")
            if not 0 < length <= _LONGEST_BLOCK or start + 4 + length > end:
                # The last block may be cut off, but what does not begin with a block has none.
                return places or None
            places.append((start + 4, length))
            start += 4 + length
    return places


def _from_block(path: Path, file: Any, blocks: list[tuple[int, int]], frame: int) -> np.ndarray:
    if not 0 <= frame < len(blocks):
        raise ValueError(f"{path}: has {len(blocks)} whole frames of depth, so none of number {frame}")
    start, length = blocks[frame]
    file.seek(start)
    data = file.read(length)
    lz4 = load_lz4()
    try:
        raw = lz4.decompress(data, uncompressed_size=2 * _PIXELS)
        if len(raw) == 2 * _PIXELS:
            return _image(np.frombuffer(raw, dtype="<u2").astype(np.float32) / np.float32(_MILLIMETRES))
    except (lz4.LZ4BlockError, ValueError):
        # Not LZ4, so deflate: the file does not say which.
        pass
    try:
        values = np.frombuffer(zlib.decompress(data, wbits=-zlib.MAX_WBITS), dtype="<f4")
        return _image(values)
    except (zlib.error, ValueError) as error:
        raise ValueError(f"{path}: frame {frame} of depth is broken ({error}); download it again") from error


def _from_one_stream(path: Path, frames: Sequence[int]) -> list[np.ndarray]:
    try:
        values = np.frombuffer(zlib.decompress(path.read_bytes(), wbits=-zlib.MAX_WBITS), dtype="<f4")
    except (zlib.error, ValueError) as error:
        raise ValueError(
            f"{path}: is neither blocks nor a stream of depth ({error}); download it again"
        ) from error
    count = len(values) // _PIXELS
    beyond = [frame for frame in frames if not 0 <= frame < count]
    if beyond:
        raise ValueError(f"{path}: has {count} frames of depth, so none of number {beyond[0]}")
    return [_image(values[frame * _PIXELS : (frame + 1) * _PIXELS]) for frame in frames]


def _image(values: np.ndarray) -> np.ndarray:
    depth = values.astype(np.float32).reshape(DEPTH_SIZE[1], DEPTH_SIZE[0])
    return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0))
