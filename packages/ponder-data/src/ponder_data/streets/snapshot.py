"""The snapshot: what a camera of the rig records of a street at one moment."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ponder_data.rooms.camera import Camera, pixel_directions
from ponder_data.rooms.materials import albedo
from ponder_data.rooms.primitives import Primitives
from ponder_data.rooms.raycast import cast, surface_at
from ponder_data.streets.daylight import Daylight, Shadows, shade, sky_color
from ponder_data.streets.street import STATIC, take_primitives


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Images of one camera, without noise.

    Attributes:
        color: RGB in [0, 1].
        depth: z-depth in metres, 0 for the sky.
        semantic: raw lidarseg id, -1 for the sky.
        instance: instance, -1 where none.
    """

    color: Float[np.ndarray, "height width 3"]
    depth: Float[np.ndarray, "height width"]
    semantic: Int[np.ndarray, "height width"]
    instance: Int[np.ndarray, "height width"]


def take_snapshot(primitives: Primitives, light: Daylight, shadows: Shadows, camera: Camera) -> Snapshot:
    """Cast a ray through every pixel and shade what it meets."""
    primitives = take_primitives(primitives, in_sight(primitives, camera))
    hits = cast(primitives, camera)
    (seen,) = np.nonzero(hits.primitive >= 0)
    rays = pixel_directions(camera)
    primitive, depth = hits.primitive[seen], hits.depth[seen]
    along = rays[:, seen].T
    position = camera.position.astype(np.float32) + along * depth[:, None]
    surface = surface_at(primitives, primitive, position)
    reflectance = albedo(primitives.materials, primitive, surface.part_position)
    distance = depth * np.linalg.norm(along, axis=1)
    (empty,) = np.nonzero(hits.primitive < 0)
    color = np.empty((len(hits.depth), 3), dtype=np.float32)
    color[seen] = shade(light, shadows, surface, reflectance, distance)
    color[empty] = sky_color(light, rays[:, empty].T)
    size = (camera.height, camera.width)

    def image(values: np.ndarray, missing: float | int) -> np.ndarray:
        filled = np.full(len(hits.depth), missing, dtype=values.dtype)
        filled[seen] = values
        return filled.reshape(size)

    return Snapshot(
        color=color.reshape(*size, 3),
        depth=image(depth, 0),
        semantic=image(primitives.semantic[primitive], -1),
        instance=image(primitives.instance[primitive], STATIC),
    )


def in_sight(primitives: Primitives, camera: Camera) -> Int[np.ndarray, " seen"]:
    """Rows of the primitives whose bounding sphere reaches into the cone about the picture.

    Casting is exact without it; but most of a street lies beside or behind any one camera, and its bounding
    boxes need not be projected.
    """
    corner = np.array(
        [
            [0, 0, 1],
            [camera.width - 1, 0, 1],
            [0, camera.height - 1, 1],
            [camera.width - 1, camera.height - 1, 1],
        ]
    )
    edge = np.linalg.solve(camera.intrinsics, corner.T)
    angle = np.arctan(np.hypot(edge[0], edge[1]).max())
    offset = primitives.center - camera.position
    distance = np.linalg.norm(offset, axis=1)
    # A taper widens a cylinder by at most its own radius.
    radius = np.linalg.norm(primitives.half_size * (1.0 + np.abs(primitives.taper))[:, None], axis=1)
    forward = offset @ camera.camera_to_world[:3, 2]
    away = np.arccos(np.clip(forward / np.maximum(distance, 1e-9), -1.0, 1.0))
    reach = np.arcsin(np.clip(radius / np.maximum(distance, 1e-9), 0.0, 1.0))
    return np.nonzero((distance <= radius) | (away - reach <= angle))[0]
