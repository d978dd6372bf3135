"""Batches of solids: noisy points of their surfaces, and places of which it is known whether they lie inside."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from ponder_data import Batch, Rays, Sample, Scene, Shape, collate, estimate_normals, grid_sample, take_points
from torch import Tensor

from ponder_tasks.reconstruct.config import SurfacePointsConfig

_GREY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceCloud:
    """Points of one surface, as the encoder takes them and as they are.

    Attributes:
        sample: one point per cell of the encoder's grid, in its metres.
        points: all, in the unit frame.
        inverse: the row of ``sample`` that stands for each point.
    """

    sample: Sample
    points: Float[Tensor, "points 3"]
    inverse: Int[Tensor, " points"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Places asked about, in the unit frame.

    Attributes:
        position: where.
        inside: whether the place lies inside the solid.
        signed_distance: from its surface, positive outside; None where nobody asks.
    """

    position: Float[Tensor, "places 3"]
    inside: Bool[Tensor, " places"]
    signed_distance: Float[Tensor, " places"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconstructionBatch:
    """Clouds of several surfaces, packed, and as many places about each.

    Attributes:
        cells: what the encoder reads.
        points: all points of all surfaces, in the unit frame.
        inverse: the row of ``cells`` that stands for each.
        offsets: cumulative number of points.
        position, inside, signed_distance: of the places, as in :class:`Places`.
    """

    cells: Batch
    points: Float[Tensor, "points 3"]
    inverse: Int[Tensor, " points"]
    offsets: Int[Tensor, " batch"]
    position: Float[Tensor, "batch places 3"]
    inside: Bool[Tensor, "batch places"]
    signed_distance: Float[Tensor, "batch places"] | None

    @property
    def coord(self) -> Float[Tensor, "points 3"]:
        """The points, which are what is counted in a second."""
        return self.points

    @property
    def rays(self) -> Rays | None:
        """Nothing is rendered."""
        return None

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "ReconstructionBatch":
        """Return the batch on ``device``; ``non_blocking`` helps after :meth:`pin_memory`."""
        return self._with(lambda value: value.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "ReconstructionBatch":
        """Return the batch in page-locked memory."""
        return self._with(lambda value: value.pin_memory())

    def _with(self, change: Callable[[Any], Any]) -> "ReconstructionBatch":
        """Return the batch with ``change`` made to each tensor and to the cells."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: change(value) for name, value in values.items() if value is not None})


def surface_cloud(
    points: Float[Tensor, "points 3"], name: str, *, grid_size: float, encoder_cells: int
) -> SurfaceCloud:
    """Return points of the unit frame as the encoder takes them: grey, with normals estimated from neighbours.

    Normals point away from the cloud's mean, for nobody knows from where a surface was seen.
    """
    coord = points * (grid_size * encoder_cells)
    scene = Scene(
        name=name,
        dataset="surface",
        coord=coord,
        color=torch.full_like(coord, _GREY),
        normal=estimate_normals(coord, towards="outward"),
    )
    kept = grid_sample(coord, grid_size)
    sampled = replace(take_points(scene, kept.index), grid_coord=kept.grid_coord)
    return SurfaceCloud(
        sample=Sample(scene=sampled, lower=coord.amin(dim=0), upper=coord.amax(dim=0), rays=None),
        points=points,
        inverse=kept.inverse,
    )


def draw_points(
    shape: Shape, config: SurfacePointsConfig, generator: torch.Generator
) -> Float[Tensor, "points 3"]:
    """Draw noisy points of the shape's surface; some twice where the shape has fewer than are wanted."""
    known = len(shape.surface.point)
    drawn = (
        torch.randperm(known, generator=generator)[: config.count]
        if known >= config.count
        else torch.randint(known, (config.count,), generator=generator)
    )
    exact = torch.from_numpy(shape.surface.point[drawn.numpy()]).float()
    return exact + config.noise * torch.randn(exact.shape, generator=generator)


def draw_places(
    shape: Shape, count: int, near: int, reach: float, near_distance: float, generator: torch.Generator
) -> Float[Tensor, "places 3"]:
    """Draw ``near`` places about the surface, and the others evenly in the cube of half side ``reach``."""
    even = reach * (2 * torch.rand(count - near, 3, generator=generator) - 1)
    drawn = torch.randint(len(shape.surface.point), (near,), generator=generator)
    about = torch.from_numpy(shape.surface.point[drawn.numpy()]).float()
    about = about + near_distance * torch.randn(near, 3, generator=generator)
    return torch.cat([even, about.clamp(-reach, reach)])


def ask(shape: Shape, position: Float[Tensor, "places 3"], *, distance: bool) -> Places:
    """Ask the shape about places; about their distance only where it is wanted, for that takes longer."""
    exact = position.double().numpy()
    signed = torch.from_numpy(shape.signed_distance(exact).astype(np.float32)) if distance else None
    return Places(position=position, inside=torch.from_numpy(shape.inside(exact)), signed_distance=signed)


def draw_symmetry(generator: torch.Generator) -> Float[Tensor, "3 3"]:
    """Draw one of the eight symmetries of the cube that keep z: quarter turns, mirrored or not."""
    turns, mirrored = divmod(int(torch.randint(8, (), generator=generator)), 2)
    quarter = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    mirror = torch.diag(torch.tensor([-1.0 if mirrored else 1.0, 1.0, 1.0]))
    return torch.linalg.matrix_power(quarter, turns) @ mirror


def collate_reconstruction(clouds: Sequence[SurfaceCloud], places: Sequence[Places]) -> ReconstructionBatch:
    """Pack the clouds and places of several solids; the places are as many of each.

    Raises:
        ValueError: when there is no cloud.
    """
    cells = collate([cloud.sample for cloud in clouds])
    begin = torch.cat([cells.offsets.new_zeros(1), cells.offsets[:-1]])
    inverse = [cloud.inverse + first for cloud, first in zip(clouds, begin, strict=True)]
    distances = [place.signed_distance for place in places if place.signed_distance is not None]
    return ReconstructionBatch(
        cells=cells,
        points=torch.cat([cloud.points for cloud in clouds]),
        inverse=torch.cat(inverse),
        offsets=torch.tensor([len(cloud.points) for cloud in clouds]).cumsum(0),
        position=torch.stack([place.position for place in places]),
        inside=torch.stack([place.inside for place in places]),
        signed_distance=torch.stack(distances) if distances else None,
    )
