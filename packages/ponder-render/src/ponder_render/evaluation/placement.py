"""Samples placed in a volume: their corners, their coordinates for the field, their trilinear features."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ponder_render.field.neural_field import Coordinate
from ponder_render.rays import RayBundle
from ponder_render.volume.corners import Border, Corners, cell_coordinates, find_corners, join_corners
from ponder_render.volume.feature_volume import FeatureVolume
from ponder_render.volume.query import gather


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Samples in a volume, flat. Constants of the computation: no gradient flows through any of these.

    Attributes:
        corners: the eight cells around each.
        coordinate: the field's input ``p`` (no columns where the field takes none).
        coordinate_scale: d coordinate / d position in the world, axis by axis, 1 / metre.
        direction: of the ray.
        feature: values of the trilinear features; their gradient comes from ``corners``.
    """

    corners: Corners
    coordinate: Float[Tensor, "samples coordinates"]
    coordinate_scale: Float[Tensor, "samples coordinates"]
    direction: Float[Tensor, "samples 3"]
    feature: Float[Tensor, "samples channels"]

    def __len__(self) -> int:
        return len(self.corners)

    def slice(self, start: int, stop: int) -> "Placement":
        """Samples ``start`` to ``stop``, as views."""
        return Placement(
            corners=self.corners.slice(start, stop),
            coordinate=self.coordinate[start:stop],
            coordinate_scale=self.coordinate_scale[start:stop],
            direction=self.direction[start:stop],
            feature=self.feature[start:stop],
        )


def place(
    volume: FeatureVolume,
    rays: RayBundle,
    distance: Float[Tensor, "rays samples"],
    coordinate: Coordinate = "box",
    border: Border = "clamp",
) -> Placement:
    """Place samples at ``distance`` metres along each ray, ray by ray, and read their features."""
    with torch.no_grad():
        samples = distance.shape[1]
        position = rays.origin[:, None] + distance[..., None] * rays.direction[:, None]
        direction = rays.direction[:, None].expand(-1, samples, -1).reshape(-1, 3)
        index = rays.volume_index.repeat_interleave(samples, output_size=direction.shape[0])
        return place_positions(volume, position.reshape(-1, 3), direction, index, coordinate, border)


def place_packed(
    volume: FeatureVolume,
    rays: RayBundle,
    ray_indices: Int[Tensor, " samples"],
    distance: Float[Tensor, " samples"],
    coordinate: Coordinate = "box",
    border: Border = "clamp",
) -> Placement:
    """Place samples at ``distance`` metres along the rays that ``ray_indices`` names, and read their features."""
    with torch.no_grad():
        direction = rays.direction.index_select(0, ray_indices)
        position = rays.origin.index_select(0, ray_indices) + distance[:, None] * direction
        return place_positions(
            volume, position, direction, rays.volume_index[ray_indices], coordinate, border
        )


def place_positions(
    volume: FeatureVolume,
    position: Float[Tensor, "samples 3"],
    direction: Float[Tensor, "samples 3"],
    volume_index: Int[Tensor, " samples"],
    coordinate: Coordinate = "box",
    border: Border = "clamp",
) -> Placement:
    """Place samples at positions in the world (metres), seen along ``direction``, and read their features."""
    with torch.no_grad():
        corners = find_corners(position, volume_index, volume, border)
        value, scale = field_coordinate(position, volume_index, volume, coordinate)
        return Placement(
            corners=corners,
            coordinate=value,
            coordinate_scale=scale,
            direction=direction,
            feature=gather(volume.table.detach(), corners.rows, corners.weights),
        )


def field_coordinate(
    position: Float[Tensor, "samples 3"],
    volume_index: Int[Tensor, " samples"],
    volume: FeatureVolume,
    coordinate: Coordinate,
) -> tuple[Float[Tensor, "samples coordinates"], Float[Tensor, "samples coordinates"]]:
    """The field's input for world positions (see ``FieldConfig.coordinate``), and its slope in 1 / metre."""
    if coordinate == "none":
        return position[:, :0], position[:, :0]
    units, per_metre = cell_coordinates(position, volume_index, volume)
    if coordinate == "cell":
        return 2 * (units - units.round()), 2 * per_metre
    scale = (2 / volume.bounds.size.to(position)).index_select(0, volume_index)
    return (position - volume.bounds.lower.to(position).index_select(0, volume_index)) * scale - 1, scale


def join_placements(parts: list[Placement]) -> Placement:
    """Several sets of samples, one after the other."""
    return Placement(
        corners=join_corners([part.corners for part in parts]),
        coordinate=torch.cat([part.coordinate for part in parts]),
        coordinate_scale=torch.cat([part.coordinate_scale for part in parts]),
        direction=torch.cat([part.direction for part in parts]),
        feature=torch.cat([part.feature for part in parts]),
    )
