"""A projection matrix taken apart."""

import numpy as np
from jaxtyping import Float
from scipy.linalg import rq


def split_projection(
    projection: Float[np.ndarray, "3 4"],
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "4 4"]]:
    """Return the intrinsics ``K`` and the pose of ``projection ~ K [R | -R c]``, any factor taken out.

    ``K`` has positive focal lengths and ``K[2, 2] = 1``; the pose is camera to world, ``[R^T | c]``.

    Raises:
        ValueError: when it is not the matrix of a camera: not finite, or with its centre at infinity.
    """
    left = projection[:, :3]
    if not np.isfinite(projection).all() or abs(np.linalg.det(left)) < 1e-12:
        raise ValueError(
            f"{projection.tolist()} is no projection matrix of a camera; copy the file of cameras again"
        )
    centre = -np.linalg.solve(left, projection[:, 3])
    upper, rotation = rq(left * np.sign(np.linalg.det(left)))
    signs = np.sign(np.diag(upper))
    upper, rotation = upper * signs, signs[:, None] * rotation
    pose = np.eye(4)
    pose[:3, :3] = rotation.T
    pose[:3, 3] = centre
    return upper / upper[2, 2], pose
