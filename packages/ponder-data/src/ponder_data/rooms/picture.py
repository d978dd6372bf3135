"""Pictures: what a perfect camera in a room records."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ponder_data.rooms.camera import Camera, pixel_directions
from ponder_data.rooms.lighting import Lighting, expose, irradiance
from ponder_data.rooms.materials import albedo
from ponder_data.rooms.primitives import Primitives
from ponder_data.rooms.raycast import cast, surface_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Images of one camera, without noise.

    Attributes:
        color: RGB in [0, 1].
        depth: z-depth in metres, 0 where nothing is seen.
        normal: outward unit normals, world; 0 where nothing is seen.
        cosine: of the angle between the surface normal and the ray back to the camera; 0 where none.
        semantic: class id, -1 where nothing is seen.
        instance: instance id, -1 for floor, walls, ceiling and where nothing is seen.
    """

    color: Float[np.ndarray, "height width 3"]
    depth: Float[np.ndarray, "height width"]
    normal: Float[np.ndarray, "height width 3"]
    cosine: Float[np.ndarray, "height width"]
    semantic: Int[np.ndarray, "height width"]
    instance: Int[np.ndarray, "height width"]


def take_picture(primitives: Primitives, lighting: Lighting, camera: Camera) -> Picture:
    """Cast a ray through every pixel and shade what it meets."""
    hits = cast(primitives, camera)
    (seen,) = np.nonzero(hits.primitive >= 0)
    primitive = hits.primitive[seen]
    direction = pixel_directions(camera)[:, seen].T
    position = camera.position.astype(np.float32) + direction * hits.depth[seen, None]
    surface = surface_at(primitives, primitive, position)
    radiance = albedo(primitives.materials, primitive, surface.part_position) * irradiance(lighting, surface)
    facing = -np.einsum("pi,pi->p", direction, surface.normal) / np.linalg.norm(direction, axis=1)

    def image(values: np.ndarray, empty: int) -> np.ndarray:
        filled = np.full((len(hits.depth), *values.shape[1:]), empty, dtype=values.dtype)
        filled[seen] = values
        return filled.reshape(camera.height, camera.width, *values.shape[1:])

    return Picture(
        color=image(expose(lighting, radiance), 0),
        depth=image(hits.depth[seen], 0),
        normal=image(surface.normal, 0),
        cosine=image(np.clip(facing, 0.0, 1.0), 0),
        semantic=image(primitives.semantic[primitive], -1),
        instance=image(primitives.instance[primitive], -1),
    )
