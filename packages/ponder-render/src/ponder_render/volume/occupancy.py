"""Where space is known to be empty: cells far from all input points, and samples that lie in others.

A ray's span is divided into equal strata, and a stratum is occupied if the cell at its middle is. nerfacc walks
through the cells on CUDA devices where its extension can be loaded, plain PyTorch looks cells up elsewhere; both
find the same strata up to rounding at cell faces.
"""

import math
from dataclasses import dataclass
from types import ModuleType

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ponder_render.bounds import Bounds, RaySpan
from ponder_render.nerfacc_backend import load_nerfacc_cuda
from ponder_render.rays import PackedSamples, RayBundle, Samples
from ponder_render.volume.feature_volume import FeatureVolume


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """Cells that may hold a surface.

    Attributes:
        cells: True within ``dilation`` cells (along every axis) of one with an input point.
        bounds: the box of each volume, world metres.
        dilation: in cells.
    """

    cells: Bool[Tensor, "batch x y z"]
    bounds: Bounds
    dilation: int

    def probes(self, count: int) -> int:
        """Probes per stratum, for ``count`` strata per ray, so that no surface falls between two of them.

        Probes are at most ``2 * dilation`` cells apart (one cell without dilation): a ray through a cell with a
        point has at least one in the cells around it.
        """
        sides = torch.tensor(self.cells.shape[1:])
        size = self.bounds.size.detach().double().cpu()
        reach = max(2 * self.dilation, 1) * float((size / sides).min())
        return max(1, math.ceil(float(size.norm(dim=1).max()) / count / reach))


def find_occupancy(volume: FeatureVolume, dilation: int) -> Occupancy:
    """Cells within ``dilation`` cells of an input point."""
    cells = volume.count > 0
    for axis, side in enumerate(volume.shape, start=1):  # a box is grown one axis after the other
        grown = cells.clone()
        for shift in range(1, min(dilation, side - 1) + 1):
            grown.narrow(axis, shift, side - shift).logical_or_(cells.narrow(axis, 0, side - shift))
            grown.narrow(axis, 0, side - shift).logical_or_(cells.narrow(axis, shift, side - shift))
        cells = grown
    return Occupancy(cells=cells, bounds=volume.bounds, dilation=dilation)


def occupied_strata(
    rays: RayBundle, span: RaySpan, occupancy: Occupancy, count: int
) -> Bool[Tensor, "rays {count}"]:
    """Which of ``count`` equal strata of each ray's span are occupied, at their middle or other probes.

    Without gradient. Rays that miss their box have none.
    """
    with torch.no_grad():
        steps = count * occupancy.probes(count)
        nerfacc = load_nerfacc_cuda() if rays.origin.is_cuda and rays.origin.dtype == torch.float32 else None
        if nerfacc is None:
            found = occupied_steps(rays, span, occupancy, steps)
        else:
            found = occupied_steps_nerfacc(nerfacc, rays, span, occupancy, steps)
        return found.view(len(rays), count, -1).any(dim=2)


def occupied_samples(rays: RayBundle, span: RaySpan, occupancy: Occupancy, count: int) -> PackedSamples:
    """The occupied ones among ``count`` equal strata of each ray's span, with a sample in the middle of each."""
    edges = torch.arange(count + 1, dtype=span.near.dtype, device=span.near.device) / count
    distance = span.near[:, None] + edges * (span.far - span.near)[:, None]
    start, end = distance[:, :-1], distance[:, 1:]
    skipped = ~occupied_strata(rays, span, occupancy, count)
    rows = Samples(start=start, end=end, distance=0.5 * (start + end), valid=span.hit, skipped=skipped)
    return rows.packed()


def occupied_steps(
    rays: RayBundle, span: RaySpan, occupancy: Occupancy, steps: int
) -> Bool[Tensor, "rays {steps}"]:
    """Whether the cell at the middle of each of ``steps`` equal strata is occupied, in plain PyTorch."""
    begin, along = _in_box(rays, span, occupancy.bounds)
    middle = (torch.arange(steps, dtype=begin.dtype, device=begin.device) + 0.5) / steps
    row = rays.volume_index[:, None]
    for axis, side in enumerate(occupancy.cells.shape[1:]):
        cell = (begin[:, axis, None] + along[:, axis, None] * middle).mul_(side).floor_()
        row = row * side + cell.clamp_(0, side - 1).long()
    return occupancy.cells.reshape(-1)[row] & span.hit[:, None]


def occupied_steps_nerfacc(
    nerfacc: ModuleType, rays: RayBundle, span: RaySpan, occupancy: Occupancy, steps: int
) -> Bool[Tensor, "rays {steps}"]:
    """``occupied_steps`` by nerfacc's traversal of grids; needs its CUDA extension and float32.

    Every ray's span is scaled to run from 0 to 1, so that one step size serves all. Boxes become unit cubes in a
    row, two apart, so that the part of a ray between 0 and 1 meets its own alone.
    """
    begin, along = _in_box(rays, span, occupancy.bounds)
    begin = torch.cat([begin[:, :1] + 3.0 * rays.volume_index[:, None], begin[:, 1:]], dim=1)
    lower = torch.zeros_like(occupancy.bounds.lower, dtype=begin.dtype)
    lower[:, 0] = 3.0 * torch.arange(len(occupancy.bounds), device=begin.device)
    _, middles, _ = nerfacc.traverse_grids(
        begin,
        along,
        occupancy.cells,
        torch.cat([lower, lower + 1], dim=1),
        near_planes=torch.zeros_like(span.near),
        far_planes=span.hit.to(begin.dtype),
        step_size=1 / steps,
    )
    step = (middles.vals * steps).floor().long().clamp(0, steps - 1)
    found = torch.zeros(len(rays), steps, dtype=torch.bool, device=begin.device)
    found[middles.ray_indices, step] = True
    return found


def _in_box(
    rays: RayBundle, span: RaySpan, bounds: Bounds
) -> tuple[Float[Tensor, "rays 3"], Float[Tensor, "rays 3"]]:
    """Where each ray enters its box and how it crosses it, in units of the box's sides."""
    index: Int[Tensor, " rays"] = rays.volume_index
    lower, size = bounds.lower.to(rays.origin)[index], bounds.size.to(rays.origin)[index]
    begin = (rays.origin + span.near[:, None] * rays.direction - lower) / size
    return begin, rays.direction * (span.far - span.near)[:, None] / size
