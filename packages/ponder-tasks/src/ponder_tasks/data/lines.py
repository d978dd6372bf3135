"""Boxes and cameras as points along their edges, to be drawn over a cloud."""

import numpy as np
from jaxtyping import Float
from ponder_data import Boxes, View

_EDGES = ((0, 1), (0, 2), (1, 3), (2, 3), (4, 5), (4, 6), (5, 7), (6, 7), (0, 4), (1, 5), (2, 6), (3, 7))


def edge_points(
    start: Float[np.ndarray, "edges 3"], end: Float[np.ndarray, "edges 3"], spacing: float
) -> tuple[Float[np.ndarray, "points 3"], Float[np.ndarray, " points"]]:
    """Return points along straight edges, at most ``spacing`` metres apart, and of each the number of its edge."""
    if len(start) == 0:
        return np.zeros((0, 3)), np.zeros(0)
    counts = np.ceil(np.linalg.norm(end - start, axis=1) / spacing).astype(np.int64) + 2
    edge = np.repeat(np.arange(len(start)), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    share = (np.arange(len(edge)) - first) / (np.repeat(counts, counts) - 1)
    return start[edge] + share[:, None] * (end - start)[edge], edge.astype(np.float64)


def box_edges(boxes: Boxes) -> tuple[Float[np.ndarray, "edges 3"], Float[np.ndarray, "edges 3"]]:
    """Return both ends of the 12 edges of each box, box by box, and a 13th: from its middle to its front."""
    signs = np.stack(np.meshgrid([-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5], indexing="ij"), axis=-1).reshape(8, 3)
    size, center = boxes.size.double().numpy(), boxes.center.double().numpy()
    heading = boxes.heading.double().numpy()
    cos, sin = np.cos(heading)[:, None], np.sin(heading)[:, None]

    def placed(local: np.ndarray) -> np.ndarray:
        x, y = local[..., 0], local[..., 1]
        return np.stack((cos * x - sin * y, sin * x + cos * y, local[..., 2]), axis=-1) + center[:, None]

    corners = placed(signs * size[:, None])
    ahead = placed(np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]]) * size[:, None])
    start = np.concatenate([corners[:, [a for a, _ in _EDGES]], ahead[:, :1]], axis=1)
    end = np.concatenate([corners[:, [b for _, b in _EDGES]], ahead[:, 1:]], axis=1)
    return start.reshape(-1, 3), end.reshape(-1, 3)


EDGES_PER_BOX = len(_EDGES) + 1
EDGES_PER_CAMERA = 8


def camera_edges(
    views: tuple[View, ...], length: float
) -> tuple[Float[np.ndarray, "edges 3"], Float[np.ndarray, "edges 3"]]:
    """Return both ends of the 8 edges of each camera's pyramid, ``length`` metres deep, camera by camera."""
    starts, ends = [], []
    for view in views:
        pose = view.camera_to_world.double().numpy()
        corners = np.array(
            [
                [-0.5, -0.5],
                [view.width - 0.5, -0.5],
                [view.width - 0.5, view.height - 0.5],
                [-0.5, view.height - 0.5],
            ]
        )
        rays = np.column_stack([corners, np.ones(4)]) @ np.linalg.inv(view.intrinsics.double().numpy()).T
        rim = length * rays @ pose[:3, :3].T + pose[:3, 3]
        starts += [np.repeat(pose[None, :3, 3], 4, axis=0), rim]
        ends += [rim, np.roll(rim, -1, axis=0)]
    empty = np.zeros((0, 3))
    return np.concatenate([empty, *starts]), np.concatenate([empty, *ends])
