"""Ray casting: which primitive each pixel of a camera sees, and at what depth.

The bounding box of every primitive is clipped against the near plane and projected; only the pixels of the
rectangle it covers are tested against it, in chunks that stay in cache. The closest hit wins, exactly: there
is no approximation but float32.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ponder_data.rooms.camera import Camera, pixel_directions
from ponder_data.rooms.intersection import canonical_normal, intersect
from ponder_data.rooms.parts import Shape
from ponder_data.rooms.primitives import Primitives, corners

NEAR = 0.02
"""Nothing closer to the camera than this z-depth is seen, metres."""

_CHUNK = 24_576
_EDGES = np.array([(i, i | 1 << axis) for axis in range(3) for i in range(8) if not i >> axis & 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """What the rays of one camera meet, row by row.

    Attributes:
        depth: z-depth in metres, infinity where nothing is met.
        primitive: index of the primitive met, -1 where none.
    """

    depth: Float[np.ndarray, " pixels"]
    primitive: Int[np.ndarray, " pixels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """The surface points that rays have met.

    Attributes:
        position: metres, world.
        normal: outward unit normals, world.
        part_position: metres, in the coordinates of the primitive met.
    """

    position: Float[np.ndarray, "points 3"]
    normal: Float[np.ndarray, "points 3"]
    part_position: Float[np.ndarray, "points 3"]


def cast(primitives: Primitives, camera: Camera) -> Hits:
    """The closest primitive along each pixel's ray."""
    rectangles = covered_pixels(primitives, camera)
    direction = pixel_directions(camera)
    everything = np.arange(len(primitives))
    return closest_hits(primitives, camera.position, direction, camera.width, everything, rectangles)


def closest_hits(
    primitives: Primitives,
    position: Float[np.ndarray, "3"],
    direction: Float[np.ndarray, "3 pixels"],
    width: int,
    primitive_of: Int[np.ndarray, " rectangles"],
    rectangles: Int[np.ndarray, "rectangles 4"],
) -> Hits:
    """The closest primitive along each ray of an image of rays, whatever its projection.

    Args:
        primitives: the solids.
        position: where all rays start, metres.
        direction: world direction of each ray, row by row; depths are multiples of its length.
        width: columns of the image.
        primitive_of: which primitive each rectangle is of; it may have several, disjoint ones.
        rectangles: first and one-past-last column, then row, outside of which the primitive is not met.
    """
    matrix = primitives.to_canonical()
    origin = np.einsum("kij,kj->ki", matrix, position.astype(np.float32) - primitives.center)
    depth = np.full(direction.shape[1], np.inf, dtype=np.float32)
    owner = np.full(len(depth), -1, dtype=np.int64)
    for shape in Shape:
        (chosen,) = np.nonzero(
            (primitives.shape[primitive_of] == shape) & (rectangles[:, 1] > rectangles[:, 0])
        )
        pairs = _pair_up(primitive_of[chosen], rectangles[chosen], width)
        for start in range(0, len(pairs[0]), _CHUNK):
            primitive, pixel = (side[start : start + _CHUNK] for side in pairs)
            ray = direction[:, pixel]
            rows = matrix[primitive]
            local = (
                rows[:, :, 0] * ray[0][:, None]
                + rows[:, :, 1] * ray[1][:, None]
                + rows[:, :, 2] * ray[2][:, None]
            ).T
            t = intersect(
                shape,
                np.ascontiguousarray(origin[primitive].T),
                np.ascontiguousarray(local),
                primitives.taper[primitive],
                NEAR,
            )
            _keep_closest(depth, owner, t, primitive, pixel)
    return Hits(depth=depth, primitive=owner)


def covered_pixels(primitives: Primitives, camera: Camera) -> Int[np.ndarray, "primitives 4"]:
    """First and one-past-last column, then row, of the rectangle of pixels that each primitive may cover.

    Bounding boxes are cut at the near plane before they are projected, so a box that reaches behind the
    camera still gets a rectangle that holds everything visible of it.
    """
    world_to_camera = np.linalg.inv(camera.camera_to_world).astype(np.float32)
    points = corners(primitives) @ world_to_camera[:3, :3].T + world_to_camera[:3, 3]
    first, second = points[:, _EDGES[:, 0]], points[:, _EDGES[:, 1]]
    with np.errstate(divide="ignore", invalid="ignore"):
        cut = first + ((NEAR - first[..., 2:]) / (second[..., 2:] - first[..., 2:])) * (second - first)
    crosses = (first[..., 2:] < NEAR) != (second[..., 2:] < NEAR)
    points = np.concatenate([points, np.where(crosses, cut, -1.0)], axis=1)
    ahead = points[..., 2] >= 0.99 * NEAR
    depth = np.where(ahead, points[..., 2], 1.0)
    size = np.array([camera.width, camera.height])
    image = points[..., :2] / depth[..., None] * camera.intrinsics[[0, 1], [0, 1]] + camera.intrinsics[:2, 2]
    low = np.where(ahead[..., None], image, np.inf).min(axis=1)
    high = np.where(ahead[..., None], image, -np.inf).max(axis=1)
    begin = np.clip(np.ceil(low - 1e-2), 0, size).astype(np.int64)
    end = np.clip(np.floor(high + 1e-2) + 1, 0, size).astype(np.int64)
    empty = (end <= begin).any(axis=1, keepdims=True)
    rectangles = np.stack([begin[:, 0], end[:, 0], begin[:, 1], end[:, 1]], axis=1)
    return np.where(empty, 0, rectangles)


def _pair_up(
    members: Int[np.ndarray, " some"], rectangles: Int[np.ndarray, "some 4"], width: int
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """Every (primitive, pixel) pair of the rectangles: a run of pixels for each row of each rectangle."""
    columns = rectangles[:, 1] - rectangles[:, 0]
    rows = rectangles[:, 3] - rectangles[:, 2]
    run_member = np.repeat(np.arange(len(members)), rows)
    row = np.arange(len(run_member)) - np.repeat(np.cumsum(rows) - rows, rows) + rectangles[run_member, 2]
    run_start = row * width + rectangles[run_member, 0]
    run_length = columns[run_member]
    shift = run_start - (np.cumsum(run_length) - run_length)
    pixel = np.arange(int(run_length.sum())) + np.repeat(shift, run_length)
    return np.repeat(members[run_member], run_length), pixel


def _keep_closest(
    depth: Float[np.ndarray, " pixels"],
    owner: Int[np.ndarray, " pixels"],
    t: Float[np.ndarray, " pairs"],
    primitive: Int[np.ndarray, " pairs"],
    pixel: Int[np.ndarray, " pairs"],
) -> None:
    """Lower ``depth`` and ``owner`` in place where a pair is closer."""
    (hit,) = np.nonzero(t < depth[pixel])
    t, primitive, pixel = t[hit], primitive[hit], pixel[hit]
    np.minimum.at(depth, pixel, t)
    (winner,) = np.nonzero(t == depth[pixel])
    owner[pixel[winner]] = primitive[winner]


def surface_at(
    primitives: Primitives,
    primitive: Int[np.ndarray, " points"],
    position: Float[np.ndarray, "points 3"],
) -> Surface:
    """Normals and part coordinates of points that lie on primitives."""
    rotation = primitives.rotation[primitive]
    half_size = primitives.half_size[primitive]
    part_position = np.einsum("pi,pij->pj", position - primitives.center[primitive], rotation)
    canonical = part_position / half_size
    gradient = np.empty_like(canonical)
    for shape in Shape:
        (rows,) = np.nonzero(primitives.shape[primitive] == shape)
        gradient[rows] = canonical_normal(shape, canonical[rows], primitives.taper[primitive[rows]])
    gradient /= half_size
    normal = np.einsum("pij,pj->pi", rotation, gradient)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    return Surface(position=position, normal=normal, part_position=part_position)
