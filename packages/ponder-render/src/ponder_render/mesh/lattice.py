"""The SDF on a regular lattice over a volume's box, plane by plane.

On a lattice trilinear interpolation falls apart into three linear ones, each shared by whole lines and planes of
points: no gather, and the eight corners of a point are never looked up.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ponder_render.bounds import Bounds
from ponder_render.evaluation.evaluate import default_chunk
from ponder_render.evaluation.folding import FoldedField, fold
from ponder_render.evaluation.geometry_pass import sdf_forward
from ponder_render.field.neural_field import NeuralField
from ponder_render.volume.corners import Border
from ponder_render.volume.feature_volume import FeatureVolume
from ponder_render.volume.occupancy import Occupancy


@dataclass(frozen=True, slots=True, kw_only=True)
class Lattice:
    """Points ``lower + (i, j, k) * step`` in the world, metres, from one corner of a box to the opposite one.

    Attributes:
        lower: the box's lowest corner.
        step: from point to point, along each axis.
        shape: points along x, y and z.
    """

    lower: Float[Tensor, "3"]
    step: Float[Tensor, "3"]
    shape: tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """Points of one axis: the cell each is in, the cells whose centres surround it with their weights, and the
    field's coordinate."""

    home: Int[Tensor, " points"]
    cell: Int[Tensor, "2 points"]
    weight: Float[Tensor, "2 points"]
    coordinate: Float[Tensor, " points"]

    def interpolate(self, values: Float[Tensor, "cells *rest"]) -> Float[Tensor, "points *rest"]:
        shape = (-1,) + (1,) * (values.dim() - 1)
        low, high = (
            values[cell] * weight.view(shape) for cell, weight in zip(self.cell, self.weight, strict=True)
        )
        return low + high


def lattice_over(bounds: Bounds, index: int, resolution: int | tuple[int, int, int]) -> Lattice:
    """A lattice over box ``index``.

    Args:
        bounds: the boxes.
        index: which of them.
        resolution: steps along x, y and z; a single number is for the longest side, the others get as many as
            make the steps equally long, or a little shorter.

    Raises:
        ValueError: when there is no such box, or an axis would have no step.
    """
    if not 0 <= index < len(bounds):
        raise ValueError(f"there is no volume {index}: there are {len(bounds)}, counted from 0")
    size = bounds.size[index]
    if isinstance(resolution, int):
        share = size / size.amax()
        steps = tuple(max(1, round(resolution * float(part) + 0.499)) for part in share)
        resolution = (steps[0], steps[1], steps[2])
    if min(resolution) < 1:
        raise ValueError(f"a resolution of {resolution} leaves an axis without a step; every axis needs one")
    steps = torch.tensor(resolution, dtype=size.dtype, device=size.device)
    x, y, z = resolution
    return Lattice(lower=bounds.lower[index], step=size / steps, shape=(x + 1, y + 1, z + 1))


@torch.no_grad()
def sdf_planes(
    field: NeuralField,
    volume: FeatureVolume,
    index: int,
    lattice: Lattice,
    start: int,
    stop: int,
    border: Border = "clamp",
    occupancy: Occupancy | None = None,
) -> Float[Tensor, "planes y z"]:
    """The SDF, metres, at the lattice's planes ``start`` to ``stop`` (exclusive) along x. Without gradient.

    Points in cells that are not occupied have the diagonal of the box, as where rendering skips samples.
    """
    cells = volume.table.view(len(volume.bounds), *volume.shape, -1)[index]
    x, y, z = (_axis(axis, field, volume, index, lattice, border) for axis in range(3))
    folded = fold(field)
    result = []
    for plane in range(start, stop):
        one = slice(plane, plane + 1)
        here = _Axis(
            home=x.home[one], cell=x.cell[:, one], weight=x.weight[:, one], coordinate=x.coordinate[one]
        )
        lines = here.interpolate(cells)[0].transpose(0, 1)
        features = y.interpolate(z.interpolate(lines).transpose(0, 1))
        result.append(_sdf_of_plane(folded, features, here.coordinate, y.coordinate, z.coordinate))
    sdf = torch.stack(result)
    if occupancy is None:
        return sdf
    occupied = occupancy.cells[index][x.home[start:stop]][:, y.home][:, :, z.home]
    return torch.where(occupied, sdf, volume.bounds.size[index].norm().to(sdf))


def _axis(
    axis: int, field: NeuralField, volume: FeatureVolume, index: int, lattice: Lattice, border: Border
) -> _Axis:
    like = next(field.parameters())
    cells, bounds = volume.shape[axis], volume.bounds
    size, lower = bounds.size[index, axis].to(like), bounds.lower[index, axis].to(like)
    points = torch.arange(lattice.shape[axis], dtype=like.dtype, device=like.device)
    offset = points * lattice.step[axis].to(like) + (lattice.lower[axis].to(like) - lower)
    units = offset * (cells / size) - 0.5
    base = units.floor()
    pair = torch.stack([base, base + 1]).long()
    weight = torch.stack([1 - (units - base), units - base])
    if border == "zeros":
        weight = weight * ((pair >= 0) & (pair < cells))
    coordinate = 2 * offset / size - 1 if field.config.coordinate == "box" else 2 * (units - units.round())
    home = (units + 0.5).floor().long().clamp(0, cells - 1)
    return _Axis(home=home, cell=pair.clamp(0, cells - 1), weight=weight, coordinate=coordinate)


def _sdf_of_plane(
    folded: FoldedField,
    features: Float[Tensor, "y z channels"],
    x: Float[Tensor, "1"],
    y: Float[Tensor, " y"],
    z: Float[Tensor, " z"],
) -> Float[Tensor, "y z"]:
    """The field's SDF, a cache-sized number of lines at a time."""
    lines = max(1, default_chunk(features) // max(len(z), 1))
    result = []
    for part, feature in zip(y.split(lines), features.split(lines), strict=True):
        where = torch.stack(torch.meshgrid(x, part, z, indexing="ij"), dim=3).reshape(-1, 3)
        inputs = torch.cat([where[:, : folded.coordinates], feature.reshape(len(where), -1)], dim=1)
        sdf, _ = sdf_forward(folded, inputs)
        result.append(sdf.view(len(part), len(z)))
    return torch.cat(result)
