"""Placement: where virtual cameras stand and what they look at.

In a room or a street they stand in free space at the height of eyes and look at surfaces; about an object they stand
on a sphere and look at its middle. Each camera is the best of several random ones by how much it sees that few
others do, judged in small pictures of a thinned scan.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import KDTree
from torch import Tensor

from ponder_data.rooms.camera import Camera, look_at, pinhole
from ponder_data.virtual.free_space import FreeSpace, draw_places, free_space
from ponder_data.virtual.splat import Splat, splat
from ponder_data.virtual.surfels import Surfels, disc_radius

Stand = Literal["auto", "inside", "around"]
"""Where cameras stand: among the points (rooms, streets), around them (objects); auto: by the scan's size."""

_OBJECT = 2.0
"""A scan narrower than this, metres, is an object."""

_CANDIDATES = 6
_ROUNDS = 12
_JUDGED_POINTS = 4096
_JUDGED_WIDTH = 32
_PLACES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementDemands:
    """What a virtual camera must fulfil; where none does, all demands are lowered step by step.

    Attributes:
        height: metres above the ground, from and to.
        clearance: metres to the nearest point.
        coverage: share of its pixels that see something.
        median_depth: metres.
    """

    height: tuple[float, float] = (1.0, 1.8)
    clearance: float = 0.4
    coverage: float = 0.7
    median_depth: float = 1.2

    def lowered(self, factor: float) -> "PlacementDemands":
        """Return the demands, ``factor`` times as strict."""
        return replace(
            self,
            height=(self.height[0] * factor, self.height[1]),
            clearance=self.clearance * factor,
            coverage=self.coverage * factor,
            median_depth=self.median_depth * factor,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judge:
    """A thinned scan, and how often its cells were seen so far."""

    surfels: Surfels
    cell: Int[Tensor, " points"]
    seen: Float[Tensor, " cells"]

    def look(self, camera: Camera) -> Splat:
        """Return a small picture of the thinned scan."""
        ratio = _JUDGED_WIDTH / camera.width
        intrinsics = torch.from_numpy(camera.intrinsics).float()
        intrinsics[:2] *= ratio
        size = (_JUDGED_WIDTH, max(8, round(camera.height * ratio)))
        return splat(self.surfels, intrinsics, torch.from_numpy(camera.camera_to_world).float(), size)

    def cells(self, picture: Splat) -> Int[Tensor, " cells_seen"]:
        """Return the cells that a picture shows."""
        return torch.unique(self.cell[picture.index[picture.index >= 0]])


def place_cameras(
    surfels: Surfels,
    rng: np.random.Generator,
    count: int,
    size: tuple[int, int],
    field_of_view: float,
    stand: Stand = "auto",
) -> tuple[Camera, ...]:
    """Return ``count`` cameras that together see most of a scan; the first ones see most.

    Args:
        surfels: the scan, Z up.
        rng: the only source of randomness.
        count: how many.
        size: (width, height) of their pictures in pixels.
        field_of_view: horizontal, radians.
        stand: among the points or around them.

    Raises:
        ValueError: when no camera in free space sees enough of the scan.
    """
    extent = (surfels.coord.amax(dim=0) - surfels.coord.amin(dim=0)).tolist()
    around = stand == "around" or (stand == "auto" and max(extent[:2]) < _OBJECT)
    coord = surfels.coord.double().numpy()
    candidates = (
        partial(_around, coord, rng, size=size, field_of_view=field_of_view)
        if around
        else partial(_inside, free_space(coord, rng), rng, size=size, field_of_view=field_of_view)
    )
    judge = _judge(surfels, rng, max(extent))
    cameras: list[Camera] = []
    for _ in range(count):
        camera = _best(judge, candidates, around)
        cameras.append(camera)
        judge.seen[judge.cells(judge.look(camera))] += 1.0
    return tuple(cameras)


def _judge(surfels: Surfels, rng: np.random.Generator, extent: float) -> _Judge:
    """Return a thinned scan, whose discs are as much larger as it is thinner."""
    kept = torch.from_numpy(np.sort(rng.permutation(len(surfels))[:_JUDGED_POINTS]))
    coord = surfels.coord[kept]
    thinned = Surfels(
        coord=coord,
        normal=surfels.normal[kept],
        color=surfels.color[kept],
        radius=disc_radius(coord, extent / 20.0, KDTree(coord.double().numpy())),
    )
    cells = torch.floor((coord - coord.amin(dim=0)) / (extent / 24.0)).long()
    _, cell = torch.unique(cells, dim=0, return_inverse=True)
    return _Judge(surfels=thinned, cell=cell, seen=torch.zeros(int(cell.max()) + 1))


def _best(judge: _Judge, candidates: Callable[[PlacementDemands, int], list[Camera]], around: bool) -> Camera:
    """Return the candidate that sees most that few others do."""
    for relaxed in range(_ROUNDS):
        demands = PlacementDemands().lowered(0.85**relaxed)
        best: tuple[float, Camera] | None = None
        for camera in candidates(demands, relaxed):
            picture = judge.look(camera)
            if around or _sees_enough(picture, demands):
                value = float((1.0 / (1.0 + judge.seen[judge.cells(picture)]).square()).sum())
                best = (value, camera) if best is None or value > best[0] else best
        if best is not None:
            return best[1]
    low, high = judge.surfels.coord.amin(dim=0).tolist(), judge.surfels.coord.amax(dim=0).tolist()
    raise ValueError(
        f"no place for a virtual camera among {len(judge.cell)} points between {low} and {high} m sees enough; check "
        "that coordinates are metres and Z is up, or place the cameras around the scan (stand='around')"
    )


def _sees_enough(picture: Splat, demands: PlacementDemands) -> bool:
    """Return whether a picture shows surfaces, and not from too near."""
    depth = picture.depth[picture.depth > 0]
    if len(depth) < demands.coverage * picture.depth.numel():
        return False
    return bool(depth.median() >= demands.median_depth and depth.quantile(0.1) >= 0.4 * demands.median_depth)


def _inside(
    space: FreeSpace,
    rng: np.random.Generator,
    demands: PlacementDemands,
    relaxed: int,
    size: tuple[int, int],
    field_of_view: float,
) -> list[Camera]:
    """Return cameras in free space that look at surfaces some metres away, rather down than up."""
    places = draw_places(
        space, rng, _PLACES, demands.height, demands.clearance, open_sectors=min(1 + relaxed // 2, 6)
    )
    cameras: list[Camera] = []
    for place in places[:_CANDIDATES]:
        targets = space.sample[rng.integers(len(space.sample), size=64)]
        away = targets - place
        flat = np.linalg.norm(away[:, :2], axis=1)
        slope = away[:, 2] / np.maximum(flat, 1e-6)
        targets = targets[(flat > 1.0 * demands.median_depth) & (slope > -1.0) & (slope < 0.3)]
        if len(targets):
            pose = look_at(place, targets[0], float(rng.normal(0.0, 0.03)))
            cameras.append(pinhole(*size, field_of_view, pose))
    return cameras


def _around(
    coord: Float[np.ndarray, "points 3"],
    rng: np.random.Generator,
    _demands: PlacementDemands,
    _relaxed: int,
    size: tuple[int, int],
    field_of_view: float,
) -> list[Camera]:
    """Return cameras on a sphere about all points that see all of them, from 20 degrees below to 60 above."""
    middle = 0.5 * (coord.min(axis=0) + coord.max(axis=0))
    radius = float(np.linalg.norm(coord - middle, axis=1).max())
    narrow = np.arctan(np.tan(0.5 * field_of_view) * min(1.0, size[1] / size[0]))
    distance = 1.15 * radius / np.sin(narrow)
    turn = rng.uniform(0.0, 2.0 * np.pi, _CANDIDATES)
    rise = np.arcsin(rng.uniform(np.sin(np.radians(-20.0)), np.sin(np.radians(60.0)), _CANDIDATES))
    away = np.stack((np.cos(turn) * np.cos(rise), np.sin(turn) * np.cos(rise), np.sin(rise)), axis=1)
    return [
        pinhole(*size, field_of_view, look_at(middle + distance * direction, middle)) for direction in away
    ]
