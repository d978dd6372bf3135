"""Normals of a depth image, by fitting planes in inverse depth.

A plane ``n . x = d`` seen by a pinhole camera has an inverse depth that is linear in the pixel:
``1/z = a u + b v + c``. So ``(a, b, c)`` of each pixel's window comes from one small least-squares fit, and
the normal is parallel to ``(a f_x, b f_y, a c_x + b c_y + c)``.
"""

import numpy as np
from jaxtyping import Float

_RADIUS = 3


def depth_normals(
    depth: Float[np.ndarray, "height width"], intrinsics: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "height width 3"]:
    """Unit normals in the camera's frame, turned to the camera; 0 where depth is missing or fits no plane.

    Args:
        depth: z-depth in metres, 0 where missing.
        intrinsics: of the camera.

    Pixels of the 7x7 window count only if their depth is within 5 cm plus 3 % of the middle's, so that the
    fit does not reach across edges.
    """
    slope_u, slope_v, offset, valid = _fit_inverse_depth(depth.astype(np.float32))
    height, width = depth.shape
    focal_u, focal_v, center_u, center_v = intrinsics[[0, 1, 0, 1], [0, 1, 2, 2]].astype(np.float32)
    u = np.arange(width, dtype=np.float32)[None, :]
    v = np.arange(height, dtype=np.float32)[:, None]
    # The fit is centred on its pixel: 1/z = offset + slope_u (u' - u) + slope_v (v' - v).
    forward = slope_u * (center_u - u) + slope_v * (center_v - v) + offset
    normal = np.stack([slope_u * focal_u, slope_v * focal_v, forward], axis=-1)
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    valid = valid & (length[..., 0] > 0)
    normal = normal / np.where(length > 0, length, 1.0)
    ray_u, ray_v = (u - center_u) / focal_u, (v - center_v) / focal_v
    away = normal[..., 0] * ray_u + normal[..., 1] * ray_v + normal[..., 2] > 0
    normal = np.where(away[..., None], -normal, normal)
    return np.where(valid[..., None], normal, 0.0).astype(np.float32)


def _fit_inverse_depth(
    depth: Float[np.ndarray, "height width"],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Least squares of ``1/z`` on (du, dv, 1) over each window: slopes, value in the middle, validity."""
    height, width = depth.shape
    present = depth > 0
    inverse = np.where(present, 1.0 / np.where(present, depth, 1.0), 0.0).astype(np.float32)
    padded_depth = np.pad(depth, _RADIUS)
    padded_inverse = np.pad(inverse, _RADIUS)
    tolerance = 0.05 + 0.03 * depth
    # Sums of w, w du, w dv, w du^2, w du dv, w dv^2, w q, w q du, w q dv.
    sums = np.zeros((9, height, width), dtype=np.float32)
    for dv in range(-_RADIUS, _RADIUS + 1):
        for du in range(-_RADIUS, _RADIUS + 1):
            window = (
                slice(_RADIUS + dv, _RADIUS + dv + height),
                slice(_RADIUS + du, _RADIUS + du + width),
            )
            other = padded_depth[window]
            weight = ((np.abs(other - depth) <= tolerance) & (other > 0)).astype(np.float32)
            rise = weight * (padded_inverse[window] - inverse)
            for index, factor in enumerate((1.0, du, dv, du * du, du * dv, dv * dv)):
                if factor:
                    sums[index] += weight if factor == 1.0 else np.float32(factor) * weight
            for index, factor in enumerate((1.0, du, dv)):
                if factor:
                    sums[6 + index] += rise if factor == 1.0 else np.float32(factor) * rise
    return _solve(sums, inverse, present)


def _solve(
    sums: Float[np.ndarray, "9 height width"], inverse: Float[np.ndarray, "height width"], present: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Solve every pixel's 3x3 normal equations by centring and Cramer's rule."""
    count = np.maximum(sums[0], 1.0)
    mean_u, mean_v, mean_q = sums[1] / count, sums[2] / count, sums[6] / count
    uu = sums[3] - count * mean_u * mean_u
    uv = sums[4] - count * mean_u * mean_v
    vv = sums[5] - count * mean_v * mean_v
    qu = sums[7] - count * mean_q * mean_u
    qv = sums[8] - count * mean_q * mean_v
    determinant = uu * vv - uv * uv
    # A window that holds only one line of pixels fits any plane through it.
    valid = present & (sums[0] >= 6) & (determinant > 1.0)
    safe = np.where(valid, determinant, 1.0)
    slope_u = (qu * vv - qv * uv) / safe
    slope_v = (qv * uu - qu * uv) / safe
    middle = inverse + mean_q - slope_u * mean_u - slope_v * mean_v
    return slope_u, slope_v, middle, valid
