"""A folder of posed RGB-D frames: which frames are usable, and reading them.

Layout of this module (others: ``rgbd_tum.py``, ``rgbd_scannet.py``; as of the 7-Scenes samples used with TSDF
fusion programs): for each frame ``frame-NNNNNN.color.jpg`` or ``.png``, ``frame-NNNNNN.depth.png`` (uint16, 0 and
65535 missing) and ``frame-NNNNNN.pose.txt`` (4x4 camera to world); for all, ``camera-intrinsics.txt`` (3x3).
"""

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8, UInt16
from PIL import Image

MISSING_DEPTH = (0, 65535)
"""Values of a depth image that stand for "nothing measured"."""

# What Pillow raises on files that are absent, no picture, or cut off; SyntaxError: broken PNG chunks.
PICTURE_ERRORS = (OSError, SyntaxError, ValueError)
_DEPTH_MODES = ("I;16", "I;16B", "I;16L", "I")
_POSE_TOLERANCE = 1e-2
_END_OF_FILE = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RgbdFrame:
    """One usable frame: where its pictures are, and its pose (float64, an exact rotation)."""

    name: str
    color: Path
    depth: Path
    camera_to_world: Float[np.ndarray, "4 4"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RgbdFolder:
    """The usable frames of a folder in order, all of one picture size, and their intrinsics.

    Attributes:
        path: the folder.
        frames: at least one.
        intrinsics: of the depth pictures, and of the colour pictures too where these have none of their own.
        width: of the depth pictures.
        height: of the depth pictures.
        depth_scale: units of the depth pictures per metre.
        color_intrinsics: of colour pictures that are not pixel by pixel those of depth, taken from the same place.
        color_size: (width, height) of the colour pictures.
    """

    path: Path
    frames: tuple[RgbdFrame, ...]
    intrinsics: Float[np.ndarray, "3 3"]
    width: int
    height: int
    color_size: tuple[int, int]
    depth_scale: float = 1000.0
    color_intrinsics: Float[np.ndarray, "3 3"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFiles:
    """Where a frame's files are said to be, unchecked.

    ``read_pose`` raises a ValueError where the pose is bad, and an `UnusableFrameError` where there is none.
    """

    name: str
    color: Path | None
    depth: Path
    read_pose: Callable[[], Float[np.ndarray, "4 4"]]


ABSENT = "colour, depth or pose file absent"
"""Why a frame cannot be used of which a file is missing."""


class UnusableFrameError(Exception):
    """Why a frame cannot be used; frames are counted by this text."""


def read_matrix(path: Path, size: int) -> Float[np.ndarray, "size size"]:
    """Return the square matrix in a text file, float64.

    Raises:
        ValueError: when the file is absent or holds anything else.
    """
    try:
        matrix = np.array([float(word) for word in path.read_text().split()])
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read as a {size}x{size} matrix ({error})") from error
    if matrix.size != size * size:
        raise ValueError(f"{path}: holds {matrix.size} numbers; expected a {size}x{size} matrix")
    return matrix.reshape(size, size)


def read_intrinsics(path: Path) -> Float[np.ndarray, "3 3"]:
    """Return the intrinsics in a text file.

    Raises:
        ValueError: when it is absent or not the matrix of a pinhole camera.
    """
    return checked_intrinsics(read_matrix(path, 3), path)


def checked_intrinsics(matrix: Float[np.ndarray, "3 3"], path: Path) -> Float[np.ndarray, "3 3"]:
    """Return intrinsics that were read from ``path``.

    Raises:
        ValueError: when they are not those of a pinhole camera.
    """
    pinhole = np.isfinite(matrix).all() and matrix[0, 0] > 0 and matrix[1, 1] > 0
    if not (pinhole and np.allclose(matrix[2], [0.0, 0.0, 1.0]) and matrix[1, 0] == 0):
        raise ValueError(f"{path}: {matrix.tolist()} is not [[fx, s, cx], [0, fy, cy], [0, 0, 1]]; repair it")
    return matrix


def read_pose(path: Path) -> Float[np.ndarray, "4 4"]:
    """Return a camera-to-world pose, its rotation replaced by the nearest exact one.

    Raises:
        ValueError: when the file is absent or unreadable, or the matrix is no rigid motion; says which.
    """
    return checked_pose(read_matrix(path, 4), path)


def checked_pose(pose: Float[np.ndarray, "4 4"], path: Path) -> Float[np.ndarray, "4 4"]:
    """Return a pose that was read from ``path``, its rotation replaced by the nearest exact one.

    Raises:
        ValueError: when it is no rigid motion; says why.
    """
    if not np.isfinite(pose).all():
        raise ValueError(f"{path}: the pose holds NaN or infinity")
    if not np.allclose(pose[3], [0.0, 0.0, 0.0, 1.0], atol=1e-4):
        raise ValueError(f"{path}: the pose's bottom row is {pose[3].tolist()}, not [0, 0, 0, 1]")
    pose = pose.copy()
    rotation = pose[:3, :3]
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > _POSE_TOLERANCE or np.linalg.det(rotation) < 0:
        raise ValueError(f"{path}: the pose's upper left 3x3 is not a rotation")
    left, _, right = np.linalg.svd(rotation)
    pose[:3, :3] = left @ right
    pose[3] = [0.0, 0.0, 0.0, 1.0]
    return pose


def picture_size(path: Path, modes: tuple[str, ...] | None = None) -> tuple[int, int]:
    """Return (width, height) of a picture file that is whole.

    Files that end as their format demands are trusted unread; others are decoded, which tells trailing bytes
    (harmless) from a file that was cut off.

    Raises:
        OSError, SyntaxError, ValueError: when it is not a whole picture.
    """
    with Image.open(path) as image:
        if modes is not None and image.mode not in modes:
            raise ValueError(f"{path}: pictures of mode {image.mode} hold no 16-bit depth")
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 16))
            whole = _END_OF_FILE.get(image.format or "", b"\0never") in file.read()
        if not whole:
            image.load()
        return image.size


def _checked_frame(
    files: FrameFiles, own_color_size: bool
) -> tuple[RgbdFrame, tuple[int, int], tuple[int, int]]:
    """Return a frame and the sizes of its depth and colour pictures.

    Raises:
        UnusableFrameError: with the reason, when the frame cannot be used.
    """
    if files.color is None or not files.color.is_file() or not files.depth.is_file():
        raise UnusableFrameError(ABSENT)
    try:
        camera_to_world = files.read_pose()
    except ValueError as error:
        raise UnusableFrameError("bad pose (NaN, infinite or no rigid motion)") from error
    try:
        color_size, size = picture_size(files.color), picture_size(files.depth, _DEPTH_MODES)
    except PICTURE_ERRORS as error:
        raise UnusableFrameError("picture unreadable or cut off") from error
    if size != color_size and not own_color_size:
        raise UnusableFrameError("colour and depth of different size")
    frame = RgbdFrame(name=files.name, color=files.color, depth=files.depth, camera_to_world=camera_to_world)
    return frame, size, color_size


def _reasons(dropped: Counter[str]) -> str:
    return ", ".join(f"{count} with {reason}" for reason, count in dropped.most_common())


def open_frames(path: Path, frame_stride: int = 1) -> RgbdFolder:
    """Return the usable frames among every ``frame_stride``-th of this module's layout.

    Raises:
        ValueError: when the folder or its intrinsics are absent, or no frame is usable.
    """
    depths = sorted(path.glob("frame-*.depth.png"))[::frame_stride]
    if not depths:
        raise ValueError(f"{path}: holds no frame-NNNNNN.depth.png; give a folder of posed RGB-D frames")
    intrinsics = read_intrinsics(path / "camera-intrinsics.txt")
    return usable_frames(path, [_frame_files(depth) for depth in depths], intrinsics)


def _frame_files(depth: Path) -> FrameFiles:
    name = depth.name.removesuffix(".depth.png")
    colors = [depth.with_name(f"{name}.color.{ending}") for ending in ("jpg", "png")]
    return FrameFiles(
        name=name,
        color=next((file for file in colors if file.is_file()), None),
        depth=depth,
        read_pose=partial(pose_of_file, depth.with_name(f"{name}.pose.txt")),
    )


def pose_of_file(path: Path) -> Float[np.ndarray, "4 4"]:
    """Return the pose in a frame's file.

    Raises:
        UnusableFrameError: when there is no such file.
        ValueError: when it holds no pose.
    """
    if not path.is_file():
        raise UnusableFrameError(ABSENT)
    return read_pose(path)


def usable_frames(
    path: Path,
    candidates: Sequence[FrameFiles],
    intrinsics: Float[np.ndarray, "3 3"],
    depth_scale: float = 1000.0,
    color_intrinsics: Float[np.ndarray, "3 3"] | None = None,
) -> RgbdFolder:
    """Return the candidates that are usable and of the commonest size; warn once if others had to be dropped.

    Colour pictures must be as large as those of depth, unless they have intrinsics of their own.

    Raises:
        ValueError: when none is usable.
    """
    frames: list[tuple[RgbdFrame, tuple[int, int], tuple[int, int]]] = []
    dropped: Counter[str] = Counter()
    for candidate in candidates:
        try:
            frames.append(_checked_frame(candidate, color_intrinsics is not None))
        except UnusableFrameError as error:
            dropped[str(error)] += 1
    sizes = Counter((size, color_size) for _, size, color_size in frames)
    (width, height), color_size = sizes.most_common(1)[0][0] if sizes else ((0, 0), (0, 0))
    usable = tuple(frame for frame, *size in frames if tuple(size) == ((width, height), color_size))
    if len(usable) < len(frames):
        dropped[f"another size than {width}x{height}"] = len(frames) - len(usable)
    if not usable:
        raise ValueError(
            f"{path}: none of {len(candidates)} frames is usable: {_reasons(dropped)}; repair or replace them"
        )
    if dropped:
        warnings.warn(
            f"{path}: dropped {dropped.total()} of {len(candidates)} frames: {_reasons(dropped)}",
            stacklevel=2,
        )
    return RgbdFolder(
        path=path,
        frames=usable,
        intrinsics=intrinsics,
        width=width,
        height=height,
        color_size=color_size,
        depth_scale=depth_scale,
        color_intrinsics=color_intrinsics,
    )


def _read_picture(
    path: Path, size: tuple[int, int], mode: str | None, resample: Image.Resampling
) -> np.ndarray:
    """Return a picture at ``size`` = (width, height).

    Raises:
        ValueError: when the file cannot be decoded.
    """
    try:
        with Image.open(path) as image:
            converted = image if mode is None else image.convert(mode)
            if converted.size != size:
                converted = converted.resize(size, resample)
            return np.array(converted)
    except PICTURE_ERRORS as error:
        raise ValueError(
            f"{path}: cannot be read as a picture ({error}); replace or delete the frame"
        ) from error


def read_color(path: Path, size: tuple[int, int]) -> UInt8[np.ndarray, "height width 3"]:
    """Return a colour picture at ``size`` = (width, height); larger pixels are averages over their area.

    Raises:
        ValueError: when the file cannot be decoded.
    """
    return _read_picture(path, size, "RGB", Image.Resampling.BOX)


def read_depth(path: Path, size: tuple[int, int]) -> UInt16[np.ndarray, "height width"]:
    """Return raw depth at ``size`` = (width, height), each the nearest pixel's: averages would float.

    Raises:
        ValueError: when the file cannot be decoded.
    """
    return _read_picture(path, size, None, Image.Resampling.NEAREST).astype(np.uint16)
