"""Depth images and points: back-projection, normals and projection as pure functions.

Cameras are OpenCV (x right, y down, z forward); the centre of the pixel in row ``v``, column ``u`` lies at
``(u, v)``. Depth is z-depth in metres, 0 where missing. Nothing here needs gradients, but all of it is
differentiable in the depth and the points.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from ponder_data.scene import View


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthNormals:
    """Unit normals of a depth image in the camera's frame, turned to the camera; zero where not ``valid``."""

    normal: Float[Tensor, "height width 3"]
    valid: Bool[Tensor, "height width"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """Where points fall in a picture: ``pixel`` is (u, v), pixel centres at integers; ``z`` in metres.

    A pixel is meaningless (but finite) where ``z`` is not positive.
    """

    pixel: Float[Tensor, "points 2"]
    z: Float[Tensor, " points"]


def pixel_rays(u: Float[Tensor, " *n"], v: Float[Tensor, " *n"], intrinsics: Float[Tensor, "3 3"]) -> Tensor:
    """Return the directions ``K^-1 (u, v, 1)`` of image points in the camera's frame, (... 3), with z = 1."""
    y = (v - intrinsics[1, 2]) / intrinsics[1, 1]
    x = (u - intrinsics[0, 2] - intrinsics[0, 1] * y) / intrinsics[0, 0]
    return torch.stack((x, y, torch.ones_like(x)), dim=-1)


def camera_points(
    depth: Float[Tensor, "height width"], intrinsics: Float[Tensor, "3 3"]
) -> Float[Tensor, "height width 3"]:
    """Return the point of every pixel in the camera's frame, metres; the origin where depth is missing."""
    height, width = depth.shape
    v, u = torch.meshgrid(
        torch.arange(height, dtype=depth.dtype, device=depth.device),
        torch.arange(width, dtype=depth.dtype, device=depth.device),
        indexing="ij",
    )
    return pixel_rays(u, v, intrinsics) * depth[..., None]


def to_world(
    points: Float[Tensor, "*points 3"], camera_to_world: Float[Tensor, "4 4"]
) -> Float[Tensor, "*points 3"]:
    """Return points of the camera's frame in the world's."""
    return points @ camera_to_world[:3, :3].T + camera_to_world[:3, 3]


def back_project(
    depth: Float[Tensor, "height width"],
    intrinsics: Float[Tensor, "3 3"],
    camera_to_world: Float[Tensor, "4 4"],
) -> Float[Tensor, "height width 3"]:
    """Return the world point of every pixel, metres; where depth is missing, the camera's centre."""
    return to_world(camera_points(depth, intrinsics), camera_to_world)


def project(
    points: Float[Tensor, "points 3"], intrinsics: Float[Tensor, "3 3"], camera_to_world: Float[Tensor, "4 4"]
) -> Projection:
    """Return pixel and z-depth of world points; undoes :func:`back_project` where ``z`` is positive."""
    local = (points - camera_to_world[:3, 3]) @ camera_to_world[:3, :3]
    z = local[:, 2]
    safe = torch.where(z.abs() < 1e-8, torch.full_like(z, 1e-8), z)
    image = (local / safe[:, None]) @ intrinsics.T
    return Projection(pixel=image[:, :2], z=z)


def project_to_view(points: Float[Tensor, "points 3"], view: View) -> Projection:
    """Return where world points fall in ``view``, whether or not something stands before them."""
    return project(points, view.intrinsics, view.camera_to_world)


def _neighbour_difference(
    points: Float[Tensor, "height width 3"], seen: Bool[Tensor, "height width"], axis: int, step: int
) -> tuple[Float[Tensor, "height width 3"], Bool[Tensor, "height width"]]:
    """Return the tangent along ``axis`` from the neighbours ``step`` pixels away, and where both were seen.

    Central differences: their normal lies in the middle of the pixel, and noise halves against one-sided
        ones.
    """
    length = points.shape[axis]
    difference = torch.zeros_like(points)
    both = torch.zeros_like(seen)
    if length > 2 * step:
        after, before = (
            points.narrow(axis, 2 * step, length - 2 * step),
            points.narrow(axis, 0, length - 2 * step),
        )
        difference.narrow(axis, step, length - 2 * step).copy_(after - before)
        seen_both = seen.narrow(axis, 2 * step, length - 2 * step) & seen.narrow(axis, 0, length - 2 * step)
        both.narrow(axis, step, length - 2 * step).copy_(seen_both)
    return difference, both


def _smooth(depth: Float[Tensor, "height width"], axis: int, step: int, tolerance: float) -> Tensor:
    """Return where the depth does not jump between a pixel and its two neighbours along ``axis``.

    The jump is measured by the second difference, which vanishes on any plane seen through a pinhole up to
    perspective, so that floors seen at a grazing angle are not taken for edges; it grows with depth like
    sensor noise.
    """
    length = depth.shape[axis]
    smooth = torch.zeros_like(depth, dtype=torch.bool)
    if length > 2 * step:
        inner = length - 2 * step
        # 1 / depth is affine in the pixel on a plane: its second difference is exactly zero there.
        inverse = torch.where(depth > 0, 1.0 / depth.clamp(min=1e-6), torch.zeros_like(depth))
        middle = inverse.narrow(axis, step, inner)
        bend = inverse.narrow(axis, 0, inner) + inverse.narrow(axis, 2 * step, inner) - 2.0 * middle
        smooth.narrow(axis, step, inner).copy_(bend.abs() <= tolerance * middle)
    return smooth


def normals_from_depth(
    depth: Float[Tensor, "height width"],
    intrinsics: Float[Tensor, "3 3"],
    step: int = 1,
    edge_tolerance: float = 0.05,
) -> DepthNormals:
    """Return the normals of a depth image: the cross product of its two tangents, turned to the camera.

    Args:
        depth: z-depth in metres, 0 where missing.
        intrinsics: of that image.
        step: distance to the neighbours in pixels; a wider one averages out sensor noise.
        edge_tolerance: a pixel is an edge, and its normal invalid, where the inverse depth of its neighbours
            bends by more than this share of its own (0 on any plane, about the relative jump at a step).

    Raises:
        ValueError: when ``step`` is below 1.
    """
    if step < 1:
        raise ValueError(f"normals_from_depth: step is {step} pixels; it must be at least 1")
    points = camera_points(depth, intrinsics)
    seen = depth > 0
    right, seen_right = _neighbour_difference(points, seen, 1, step)
    down, seen_down = _neighbour_difference(points, seen, 0, step)
    # right x down points away from the camera (x cross y = z, forward); the surface faces the camera.
    normal = torch.linalg.cross(down, right)
    length = torch.linalg.vector_norm(normal, dim=-1)
    smooth = _smooth(depth, 1, step, edge_tolerance) & _smooth(depth, 0, step, edge_tolerance)
    valid = seen & seen_right & seen_down & smooth & (length > 0)
    normal = normalize(normal, dim=-1, eps=1e-20)
    facing = (normal * points).sum(dim=-1, keepdim=True)
    normal = torch.where(facing > 0, -normal, normal)
    return DepthNormals(normal=torch.where(valid[..., None], normal, torch.zeros_like(normal)), valid=valid)
