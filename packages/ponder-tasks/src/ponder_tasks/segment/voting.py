"""Test-time voting: a scene is looked at many times, turned, scaled and mirrored, and each point's scores are averaged.

The usual protocol of indoor benchmarks. Every look is cut into grid fragments, which together hold every point, so
that no point inherits the prediction of a neighbour in its cell.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import torch
from jaxtyping import Float
from ponder_data import Batch, GridCell, Sample, Scene, check_scene, collate, grid_fragments, take_points
from ponder_data.transforms import center_shift, flip, rotate, scale
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat
from torch import Tensor

from ponder_tasks.segment.model import SegmentationModel

Mirror = Literal["none", "x", "y"]


class VotingConfig(BaseModel):
    """How often, and how changed, each scene is looked at; every combination is one look."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rotations: tuple[float, ...] = Field(
        default=(0.0, 90.0, 180.0, 270.0), min_length=1, description="degrees about z"
    )
    scales: tuple[PositiveFloat, ...] = Field(default=(0.95, 1.0, 1.05), min_length=1)
    mirrors: tuple[Mirror, ...] = Field(default=("none",), min_length=1, description="axes to mirror")
    every_point: bool = Field(
        default=True,
        description="look at every point, by grid fragments; otherwise at one point of each cell",
    )

    @property
    def looks(self) -> int:
        """How many times a scene is looked at, each time in as many fragments as its fullest cell has points."""
        return len(self.rotations) * len(self.scales) * len(self.mirrors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One way to change a scene."""

    rotation: float
    scale: float
    mirror: Mirror

    def of(self, scene: Scene) -> Scene:
        """Return the scene turned, scaled, mirrored and centred (a vehicle's LiDAR is not); points keep their order."""
        if self.rotation:
            scene = rotate(scene, "z", math.radians(self.rotation))
        if self.scale != 1.0:
            scene = scale(scene, self.scale)
        if self.mirror != "none":
            scene = flip(scene, self.mirror)
        return scene if scene.is_swept else center_shift(scene)


def looks(config: VotingConfig) -> Iterator[Look]:
    """Yield every combination of the config's rotations, scales and mirrors."""
    for rotation, factor, axis in product(config.rotations, config.scales, config.mirrors):
        yield Look(rotation=rotation, scale=factor, mirror=axis)


@torch.no_grad()
def vote(
    model: SegmentationModel, scene: Scene, grid_size: GridCell, config: VotingConfig
) -> Float[Tensor, "points classes"]:
    """Return each point's class probabilities, averaged over all looks at it; float32, on the CPU.

    A fragment gives every point in it the softmax of its scores. Points of emptier cells are seen more often and their
    votes are averaged; with ``every_point=False`` a point gets the votes of the one that stands for its cell.

    Raises:
        ValueError: when the scene has fewer than two points or values that are not finite.
    """
    bare = replace(check_scene(scene), views=(), boxes=None)
    device = next(model.parameters()).device
    total, votes = torch.zeros(0), torch.zeros(len(scene), 1)
    for look in looks(config):
        changed = look.of(bare)
        for fragment in grid_fragments(changed.coord, grid_size):
            probability = model.logits(_batch(changed, fragment.index, fragment.grid_coord).to(device))
            probability = probability.softmax(dim=1).cpu()
            if total.numel() == 0:
                total = probability.new_zeros(len(scene), probability.shape[1])
            if not config.every_point:
                total += probability[fragment.inverse]
                votes += 1
                break
            # A fragment holds each point once at most.
            total[fragment.index] += probability
            votes[fragment.index] += 1
    return total / votes


def _batch(scene: Scene, index: Tensor, grid_coord: Tensor) -> Batch:
    points = replace(take_points(scene, index), grid_coord=grid_coord)
    return collate(
        [Sample(scene=points, lower=scene.coord.amin(dim=0), upper=scene.coord.amax(dim=0), rays=None)]
    )
