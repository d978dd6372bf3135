"""Surfels: the points of a scan as small discs that together close its surfaces."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import KDTree
from torch import Tensor

from ponder_data.scene import Scene

_NEIGHBOURS = 5
"""On a surface with points strewn at random, discs that reach so many neighbours leave e^-5 of it bare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surfels:
    """Discs about points: centre and radius in metres, unit normal (either sign), colour in [0, 1], labels."""

    coord: Float[Tensor, "points 3"]
    normal: Float[Tensor, "points 3"]
    color: Float[Tensor, "points 3"]
    radius: Float[Tensor, " points"]
    semantic: Int[Tensor, " points"] | None = None
    instance: Int[Tensor, " points"] | None = None

    def __len__(self) -> int:
        return self.coord.shape[0]


def disc_radius(
    coord: Float[Tensor, "points 3"], largest: float, tree: KDTree | None = None
) -> Float[Tensor, " points"]:
    """Return the distance from each point to its fifth neighbour, at most ``largest`` metres.

    Where points are denser the discs are smaller; gaps wider than about twice ``largest`` stay open.

    Args:
        coord: metres.
        largest: metres.
        tree: of the same points, where there is one already.
    """
    points = coord.double().numpy()
    tree = KDTree(points) if tree is None else tree
    distance, _ = tree.query(points, k=min(_NEIGHBOURS + 1, len(points)))
    return torch.from_numpy(np.minimum(distance.reshape(len(points), -1)[:, -1], largest)).float()


def scene_surfels(scene: Scene, largest: float, tree: KDTree | None = None) -> Surfels:
    """Return the discs of a scene's points; none is larger than ``largest`` metres."""
    return Surfels(
        coord=scene.coord,
        normal=scene.normal,
        color=scene.color,
        radius=disc_radius(scene.coord, largest, tree),
        semantic=scene.semantic,
        instance=scene.instance,
    )
