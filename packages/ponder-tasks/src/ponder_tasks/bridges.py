"""Where the packages meet: a batch of ``ponder_data`` as the encoders and the renderer take it.

The leaf packages do not know each other, so each has its own dataclass for what it takes.
"""

from ponder_data import Batch, Rays
from ponder_encoders import PointBatch
from ponder_render import RayBundle, RayTargets


def encoder_points(batch: Batch) -> PointBatch:
    """Return the points of ``batch`` as an encoder takes them."""
    return PointBatch(grid_coord=batch.grid_coord, features=batch.features, offsets=batch.offsets)


def ray_bundle(rays: Rays) -> RayBundle:
    """Return ``rays`` as the renderer takes them."""
    return RayBundle(origin=rays.origin, direction=rays.direction, volume_index=rays.scene_index)


def ray_targets(rays: Rays) -> RayTargets:
    """Return what the sensors measured along ``rays``."""
    return RayTargets(color=rays.color, distance=rays.distance, semantic=rays.semantic)
