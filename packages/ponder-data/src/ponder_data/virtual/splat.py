"""Splatting: the picture that a pinhole camera takes of surfels, with hidden surfaces removed.

Two passes (Zwicker et al., "Surface splatting", SIGGRAPH 2001, simplified). First, each disc is cut by the
rays of the pixels that it covers, and a z-buffer keeps the nearest. Then all discs that a ray meets within
their own radius behind that surface are blended: colour and depth with weights that fall towards the rim, labels
by the disc of largest weight. At last single pixels are closed that look through a gap between discs.
"""

from dataclasses import dataclass, fields
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ponder_data.scene import IGNORE_LABEL
from ponder_data.virtual.surfels import Surfels

_GRAZING = 0.2
"""Discs at a smaller cosine to the ray are cut as if they stood upright: a normal is not that certain."""

_SLACK = 1.1
"""Discs reach a little farther than the first order says."""

_CHUNK = 1 << 15
_ENCLOSED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Splat:
    """A picture of surfels.

    Attributes:
        color: in [0, 1]; black where nothing is seen.
        depth: z-depth in metres, 0 where nothing is seen.
        index: the surfel of largest weight, -1 where nothing is seen.
    """

    color: Float[Tensor, "height width 3"]
    depth: Float[Tensor, "height width"]
    index: Int[Tensor, "height width"]

    def labels(self, values: Int[Tensor, " points"] | None) -> Int[Tensor, "height width"] | None:
        """Return the labels of the surfels seen, -1 where nothing is seen; None for None."""
        if values is None:
            return None
        seen = values.long()[self.index.clamp(min=0)]
        return torch.where(self.index >= 0, seen, torch.full_like(seen, IGNORE_LABEL))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fragments:
    """Where a ray of a pixel meets a disc; ``offset`` is the distance from the centre over the radius."""

    pixel: Int[Tensor, " fragments"]
    index: Int[Tensor, " fragments"]
    depth: Float[Tensor, " fragments"]
    offset: Float[Tensor, " fragments"]

    def taken(self, kept: Int[Tensor, " kept"]) -> "_Fragments":
        """Return those that are kept."""
        return _Fragments(
            pixel=self.pixel[kept], index=self.index[kept], depth=self.depth[kept], offset=self.offset[kept]
        )


def splat(
    surfels: Surfels,
    intrinsics: Float[Tensor, "3 3"],
    camera_to_world: Float[Tensor, "4 4"],
    size: tuple[int, int],
    near: float = 0.05,
) -> Splat:
    """Return the picture of ``surfels`` in a camera; gradients do not flow.

    A surfel smaller than a pixel fills the one it falls into.

    Args:
        surfels: in the world.
        intrinsics: of the picture; without skew.
        camera_to_world: the pose.
        size: (width, height) in pixels.
        near: centres with a smaller z-depth are not seen, metres.
    """
    with torch.no_grad():
        discs = _footprints(surfels, intrinsics, camera_to_world, size, near)
        fragments = _fragments(discs, intrinsics, size[0], near)
        width, height = size
        nearest = torch.full((width * height,), torch.inf)
        nearest.scatter_reduce_(0, fragments.pixel, fragments.depth, "amin")
        behind = fragments.depth - nearest[fragments.pixel]
        kept = (behind <= surfels.radius[fragments.index]).nonzero().squeeze(1)
        return _blended(fragments.taken(kept), surfels, size)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Footprints:
    """Discs in the camera's frame, and the block of pixels about each that its fragments may lie in."""

    index: Int[Tensor, " discs"]
    centre: Float[Tensor, "discs 3"]
    normal: Float[Tensor, "discs 3"]
    radius: Float[Tensor, " discs"]
    left: Int[Tensor, " discs"]
    top: Int[Tensor, " discs"]
    columns: Int[Tensor, " discs"]
    rows: Int[Tensor, " discs"]


def _footprints(
    surfels: Surfels,
    intrinsics: Float[Tensor, "3 3"],
    camera_to_world: Float[Tensor, "4 4"],
    size: tuple[int, int],
    near: float,
) -> _Footprints:
    """Return the discs whose block of pixels is not empty.

    To first order a step d on the disc moves its image by ``(d_x - x/z d_z) / z = a . d / z``. The longest such step
    across the unit normal n gives ``radius * sqrt(|a|^2 - (a . n)^2) / z``.
    """
    rotation, position = camera_to_world[:3, :3], camera_to_world[:3, 3]
    index = (((surfels.coord - position) @ rotation[:, 2]) > near).nonzero().squeeze(1)
    centre = (surfels.coord[index] - position) @ rotation
    normal, radius, depth = surfels.normal[index] @ rotation, surfels.radius[index], centre[:, 2]
    normal = _facing(centre, normal)
    bounds = []
    for axis in (0, 1):
        image = centre[:, axis] / depth * intrinsics[axis, axis] + intrinsics[axis, 2]
        slope = centre[:, axis] / depth
        along = 1.0 + slope.square() - (normal[:, axis] - slope * normal[:, 2]).square()
        reach = _SLACK * radius * along.clamp(min=0.0).sqrt() * intrinsics[axis, axis] / depth
        first = (image - reach).round().clamp(min=0, max=size[axis])
        last = (image + reach).round().clamp(min=-1, max=size[axis] - 1)
        bounds.append((first.long(), (last - first + 1).clamp(min=0).long()))
    (left, columns), (top, rows) = bounds
    framed = ((columns * rows) > 0).nonzero().squeeze(1)
    return _Footprints(
        index=index[framed],
        centre=centre[framed],
        normal=normal[framed],
        radius=radius[framed],
        left=left[framed],
        top=top[framed],
        columns=columns[framed],
        rows=rows[framed],
    )


def _facing(centre: Float[Tensor, "discs 3"], normal: Float[Tensor, "discs 3"]) -> Float[Tensor, "discs 3"]:
    """Return the normals, but of discs seen edge-on the direction to the camera."""
    ray = torch.nn.functional.normalize(centre, dim=1)
    edge_on = (normal * ray).sum(dim=1, keepdim=True).abs() < _GRAZING
    return torch.where(edge_on, ray, normal)


def _fragments(discs: _Footprints, intrinsics: Float[Tensor, "3 3"], width: int, near: float) -> _Fragments:
    """Return every meeting of a pixel's ray and a disc.

    Pixels are tried some ten thousand at a time: larger tensors are new memory each time, which costs more than all
    arithmetic.
    """
    ends = (discs.columns * discs.rows).cumsum(0)
    tried = int(ends[-1]) if len(ends) else 0
    limits = torch.arange(_CHUNK, tried + _CHUNK, _CHUNK)
    bounds = [0, *torch.unique(torch.searchsorted(ends, limits, right=True)).tolist(), len(ends)]
    parts = [
        _cut(discs, slice(first, last), intrinsics, width, near)
        for first, last in pairwise(bounds)
        if last > first
    ]
    parts = parts or [_cut(discs, slice(0, 0), intrinsics, width, near)]
    return _Fragments(
        **{f.name: torch.cat([getattr(part, f.name) for part in parts]) for f in fields(_Fragments)}
    )


def _cut(
    discs: _Footprints, part: slice, intrinsics: Float[Tensor, "3 3"], width: int, near: float
) -> _Fragments:
    """Return where the rays ``(x, y, 1)`` of the pixels about some discs cut these."""
    columns, centre, normal = discs.columns[part], discs.centre[part], discs.normal[part]
    count = columns * discs.rows[part]
    owner = torch.repeat_interleave(count)
    within = torch.arange(owner.shape[0]) - (count.cumsum(0) - count)[owner]
    row = within.div(columns[owner], rounding_mode="floor")
    column = within - row * columns[owner] + discs.left[part][owner]
    row = row + discs.top[part][owner]
    x = (column.float() - intrinsics[0, 2]) / intrinsics[0, 0]
    y = (row.float() - intrinsics[1, 2]) / intrinsics[1, 1]
    nx, ny, nz = normal.T.contiguous().index_select(1, owner)
    cx, cy, cz = centre.T.contiguous().index_select(1, owner)
    slope = nx * x + ny * y + nz
    level = (normal * centre).sum(dim=1)[owner]
    depth = level / torch.where(slope.abs() < 1e-6, torch.full_like(slope, 1e-6), slope)
    radius = discs.radius[part][owner]
    offset = ((x * depth - cx).square() + (y * depth - cy).square() + (depth - cz).square()).sqrt() / radius
    # A disc smaller than a pixel fills that of its centre, at the centre's depth.
    away = torch.maximum((x - cx / cz).abs() * intrinsics[0, 0], (y - cy / cz).abs() * intrinsics[1, 1])
    own = (away <= 0.5) & (offset >= 1.0)
    depth = torch.where(own, cz, depth)
    offset = torch.where(own, torch.full_like(offset, 0.999), offset)
    found = ((offset < 1.0) & (depth > near)).nonzero().squeeze(1)
    return _Fragments(
        pixel=(row * width + column)[found],
        index=discs.index[part][owner[found]],
        depth=depth[found],
        offset=offset[found],
    )


def _blended(fragments: _Fragments, surfels: Surfels, size: tuple[int, int]) -> Splat:
    """Return the weighted means of what each pixel sees."""
    width, height = size
    pixels = width * height
    weight = (1.0 - fragments.offset.square()).clamp(min=1e-3)
    color = surfels.color[fragments.index]

    def total(values: Float[Tensor, " fragments"]) -> Float[Tensor, " pixels"]:
        return torch.bincount(fragments.pixel, values.double(), minlength=pixels).double()

    mass = total(weight)
    seen = mass > 0
    mass = torch.where(seen, mass, torch.ones_like(mass))
    image = torch.stack([total(weight * color[:, channel]) / mass for channel in range(3)], dim=-1)
    depth = total(weight * fragments.depth) / mass
    heaviest = torch.zeros(pixels).scatter_reduce_(0, fragments.pixel, weight, "amax")
    top = weight == heaviest[fragments.pixel]
    index = torch.full((pixels,), -1)
    index[fragments.pixel[top]] = fragments.index[top]
    return _without_pinholes(
        Splat(
            color=image.clamp(0.0, 1.0).float().reshape(height, width, 3),
            depth=depth.float().reshape(height, width),
            index=index.reshape(height, width),
        )
    )


def _without_pinholes(picture: Splat) -> Splat:
    """Return the picture with single pixels closed that look through, or past, the surface around them.

    A pixel is such a hole if at least six of the eight about it are nearer than 95 % of its own depth (or see
    something where it sees nothing). It becomes their mean, with the label of the first of them.
    """
    height, width = picture.depth.shape
    depth = torch.where(picture.depth > 0, picture.depth, torch.full_like(picture.depth, torch.inf))
    padded = torch.nn.functional.pad(depth, (1, 1, 1, 1), value=torch.inf)
    shifts = [(dv, du) for dv in (0, 1, 2) for du in (0, 1, 2) if (dv, du) != (1, 1)]
    around = torch.stack([padded[dv : dv + height, du : du + width] for dv, du in shifts])
    nearer = around < 0.95 * depth
    hole = (nearer.sum(dim=0) >= _ENCLOSED).nonzero()
    chosen = nearer[:, hole[:, 0], hole[:, 1]]
    share = chosen.double() / chosen.sum(dim=0)
    rows, columns = (hole[:, axis] + torch.tensor(shifts)[:, axis, None] - 1 for axis in (0, 1))
    # Beyond the rim everything is infinitely far, so never chosen: any pixel stands in for it.
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    result = Splat(color=picture.color.clone(), depth=picture.depth.clone(), index=picture.index.clone())
    at = (hole[:, 0], hole[:, 1])
    result.depth[at] = (share * picture.depth[rows, columns]).sum(dim=0).float()
    result.color[at] = (share[..., None] * picture.color[rows, columns]).sum(dim=0).float()
    first = chosen.int().argmax(dim=0)
    result.index[at] = picture.index[rows, columns][first, torch.arange(len(hole))]
    return result
