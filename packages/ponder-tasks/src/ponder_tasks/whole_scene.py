"""A whole scene as one batch, with the way back from grid cells to every point: what evaluation and encoding use."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from ponder_data import (
    AugmentationConfig,
    Batch,
    GridCell,
    Sample,
    Scene,
    augment,
    check_scene,
    collate,
    grid_sample,
    take_points,
)
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeScene:
    """One scene as the encoder takes it.

    Attributes:
        scene: all points, centred (x and y on the bounds, lowest point at z = 0), but a vehicle's LiDAR stays in the
            sensor's frame; nothing else is changed.
        batch: one point per grid cell.
        input_color: colour of the point that stands for each cell, in [0, 1].
        inverse: for every point of ``scene``, the row of ``batch`` that stands for it.
    """

    scene: Scene
    batch: Batch
    input_color: Float[Tensor, "cells 3"]
    inverse: Int[Tensor, " points"]


def whole_scene(scene: Scene, grid_size: GridCell) -> WholeScene:
    """Prepare all of ``scene``, without anything random.

    Raises:
        ValueError: when the scene has fewer than two points or values that are not finite.
    """
    check_scene(scene)
    plain = AugmentationConfig.none().model_copy(update={"center": not scene.is_swept})
    centred = augment(scene, plain, torch.Generator())
    kept = grid_sample(centred.coord, grid_size)
    sampled = replace(take_points(centred, kept.index), grid_coord=kept.grid_coord)
    sample = Sample(
        scene=sampled, lower=centred.coord.amin(dim=0), upper=centred.coord.amax(dim=0), rays=None
    )
    return WholeScene(scene=centred, batch=collate([sample]), input_color=sampled.color, inverse=kept.inverse)
