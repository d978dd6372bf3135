"""Normals of a bare cloud, for files that hold none."""

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial import KDTree
from torch import Tensor

Side = Literal["up", "inward", "outward"]

# Neighbourhoods are decomposed in chunks: (points, k, 3) float64 of a large cloud would take gigabytes.
_CHUNK = 65_536


def _smallest_axes(
    coord: Float[np.ndarray, "points 3"], tree: KDTree, neighbours: int
) -> Float[np.ndarray, "points 3"]:
    """Return the direction in which each point's neighbourhood is thinnest, of arbitrary sign."""
    axes = np.empty_like(coord)
    for first in range(0, len(coord), _CHUNK):
        _, near = tree.query(coord[first : first + _CHUNK], k=neighbours)
        local = coord[near] - coord[near].mean(axis=1, keepdims=True)
        _, vectors = np.linalg.eigh(local.transpose(0, 2, 1) @ local)
        axes[first : first + _CHUNK] = vectors[:, :, 0]
    return axes


def _targets(
    coord: Float[np.ndarray, "points 3"], towards: Float[Tensor, "3"] | Side
) -> Float[np.ndarray, "points 3"]:
    """Return, for each point, a direction on the side that its normal shall point to."""
    if isinstance(towards, Tensor):
        return towards.double().numpy() - coord
    if towards == "up":
        return np.broadcast_to(np.array([0.0, 0.0, 1.0]), coord.shape)
    outward = coord - coord.mean(axis=0)
    return outward if towards == "outward" else -outward


def estimate_normals(
    coord: Float[Tensor, "points 3"],
    neighbours: int = 16,
    towards: Float[Tensor, "3"] | Side = "up",
) -> Float[Tensor, "points 3"]:
    """Return unit normals: the smallest principal axis of each point's neighbours (itself among them).

    Args:
        coord: metres; computed in float64 on the CPU.
        neighbours: how many nearest points; fewer where the cloud has fewer.
        towards: which of the two signs: the side of a viewpoint (metres), the upper side, to the cloud's mean
            (a room seen from inside) or away from it (an object seen from outside). Where the target lies in
            the surface itself, either sign may come out.

    Raises:
        ValueError: when there are fewer than 3 points, ``neighbours`` is below 3, or a coordinate is not
            finite.
    """
    if coord.shape[0] < 3 or neighbours < 3:
        raise ValueError(
            f"estimate_normals: {coord.shape[0]} points and {neighbours} neighbours; a plane needs 3 of both"
        )
    if not bool(torch.isfinite(coord).all()):
        raise ValueError("estimate_normals: some coordinates are NaN or infinite; remove these points first")
    points = coord.detach().cpu().double().numpy()
    axes = _smallest_axes(points, KDTree(points), min(neighbours, len(points)))
    side = (axes * _targets(points, towards)).sum(axis=1, keepdims=True)
    return torch.from_numpy(np.where(side < 0, -axes, axes)).to(coord)
