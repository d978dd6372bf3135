"""Do pictures of streets agree with the LiDAR? Where they do not, is it because the camera stands elsewhere?

A LiDAR point may differ from the depth of the pixel that it falls into for two honest reasons: something nearer hides
it from the camera, which stands up to a metre from the LiDAR; or the pixel is coarse, so that its own ray meets
another place. Both are taken out here: the first by casting the ray from the camera to the point itself, the second by
the depths of the pixels around. What is left must agree.
"""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from ponder_data import SyntheticStreets, SyntheticStreetsConfig, project_to_view
from ponder_data.rooms.intersection import intersect
from ponder_data.rooms.parts import Shape
from ponder_data.rooms.primitives import Primitives
from ponder_data.streets.lidar import LidarConfig

CONFIG = SyntheticStreetsConfig(
    scenes=1,
    keyframes=1,
    image_width=160,
    image_height=90,
    image_noise=0.0,
    depth="rendered",
    lidar=LidarConfig(range_noise=0, random_drop=0, faint=0, columns=181),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """LiDAR points in a picture: their depth, that of the pixel and of those around, and that of their own ray."""

    z: np.ndarray
    pixel: np.ndarray
    nearest: np.ndarray
    farthest: np.ndarray
    ray: np.ndarray

    def tolerance(self) -> np.ndarray:
        return 0.03 * self.z + 0.1


def cast_through(primitives: Primitives, origin: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return where rays meet something first, as a share of the way to their targets: a loop over all primitives."""
    matrix = primitives.to_canonical()
    best = np.full(len(target), np.inf, dtype=np.float32)
    way = (target - origin).T.astype(np.float32)
    for index in range(len(primitives)):
        start = matrix[index] @ (origin.astype(np.float32) - primitives.center[index])
        local = matrix[index] @ way
        starts = np.ascontiguousarray(np.broadcast_to(start[:, None], local.shape))
        taper = np.full(local.shape[1], primitives.taper[index], dtype=np.float32)
        best = np.minimum(best, intersect(Shape(primitives.shape[index]), starts, local, taper, 1e-3))
    return best


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    streets = SyntheticStreets(CONFIG)
    scene, recorder = streets[0], streets.recorder(0)
    primitives, to_street = recorder.near(0), recorder.lidar_pose(0)
    rows: list[tuple[np.ndarray, ...]] = []
    for view in scene.views:
        seen = project_to_view(scene.coord, view)
        u, v = seen.pixel.round().long().unbind(1)
        # Not in the outermost pixels, which have no neighbours on one side.
        kept = (seen.z > 1) & (u >= 1) & (u < view.width - 1) & (v >= 1) & (v < view.height - 1)
        u, v, z = u[kept], v[kept], seen.z[kept]
        depth = torch.where(view.depth == 0, torch.inf, view.depth)
        around = torch.stack([depth[v + i, u + j] for i in (-1, 0, 1) for j in (-1, 0, 1)])
        camera = to_street @ view.camera_to_world.double().numpy()
        target = scene.coord[kept].double().numpy() @ to_street[:3, :3].T + to_street[:3, 3]
        share = cast_through(primitives, camera[:3, 3], target)
        columns = (z, depth[v, u], around.amin(0), around.amax(0))
        rows.append((*(column.numpy() for column in columns), share * z.numpy()))
    z, pixel, nearest, farthest, ray = (np.concatenate(column) for column in zip(*rows, strict=True))
    return Comparison(z=z, pixel=pixel, nearest=nearest, farthest=farthest, ray=ray)


def test_no_camera_sees_through_what_the_lidar_meets(comparison: Comparison) -> None:
    """The ray from the camera to a LiDAR point ends there, or before: exactly, at every one of thousands."""
    assert len(comparison.z) > 1500
    beyond = comparison.ray > comparison.z + 0.02
    assert beyond.sum() == 0


def test_most_points_are_visible_and_the_others_hidden_by_what_is_nearer(comparison: Comparison) -> None:
    visible = np.abs(comparison.ray - comparison.z) < 0.02
    assert 0.9 < visible.mean() < 0.98
    hidden = ~visible
    # The picture, too, shows something nearer in the pixel of nearly every hidden point, or right beside it.
    nearer = comparison.nearest < comparison.z - 0.02
    assert nearer[hidden].mean() > 0.99


def test_visible_points_have_the_depth_of_their_pixel_or_between_those_around(comparison: Comparison) -> None:
    visible = np.abs(comparison.ray - comparison.z) < 0.02
    within = (comparison.z > comparison.nearest - comparison.tolerance()) & (
        comparison.z < comparison.farthest + comparison.tolerance()
    )
    assert within[visible].mean() > 0.998
    # By the pixel alone it is fewer: at edges, and on ground far away, where one pixel spans metres.
    alone = np.abs(comparison.pixel - comparison.z) < comparison.tolerance()
    assert alone[visible].mean() > 0.93
