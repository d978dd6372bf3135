"""Rigid motions as nuScenes writes them: a quaternion (w, x, y, z) and a translation in metres."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def rotation_matrix(quaternion: Sequence[float] | Float[np.ndarray, "4"]) -> Float[np.ndarray, "3 3"]:
    """Return the rotation of a quaternion (w, x, y, z), float64; its length does not matter.

    Raises:
        ValueError: when it has no length, or is not of four finite numbers.
    """
    values = np.asarray(quaternion, dtype=np.float64)
    length = float(np.linalg.norm(values)) if values.shape == (4,) else 0.0
    if not (np.isfinite(length) and length > 0):
        raise ValueError(f"{list(quaternion)} is not a rotation; expected a quaternion (w, x, y, z)")
    w, x, y, z = values / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def quaternion_of(rotation: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "4"]:
    """Return the unit quaternion (w, x, y, z), w >= 0, of a rotation; undoes :func:`rotation_matrix`.

    It is the dominant eigenvector of a symmetric 4x4 matrix of the rotation's entries (Bar-Itzhack 2000), which
    has no special cases at half turns.
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rotation
    matrix = np.array(
        [
            [xx + yy + zz, zy - yz, xz - zx, yx - xy],
            [zy - yz, xx - yy - zz, xy + yx, xz + zx],
            [xz - zx, xy + yx, yy - xx - zz, yz + zy],
            [yx - xy, xz + zx, yz + zy, zz - xx - yy],
        ]
    )
    quaternion = np.linalg.eigh(matrix).eigenvectors[:, -1]
    return -quaternion if quaternion[0] < 0 else quaternion


def rigid(
    rotation: Float[np.ndarray, "3 3"], translation: Sequence[float] | Float[np.ndarray, "3"]
) -> Float[np.ndarray, "4 4"]:
    """Return the 4x4 matrix of a rotation followed by a translation, float64."""
    pose = np.eye(4)
    pose[:3, :3] = rotation
    pose[:3, 3] = translation
    return pose


def rigid_inverse(pose: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "4 4"]:
    """Return the inverse of a rigid motion, exactly rigid."""
    turn = pose[:3, :3].T
    return rigid(turn, -turn @ pose[:3, 3])
