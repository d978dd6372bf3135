"""Measuring reconstructions: each validation shape from noisy points that are the same every time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from ponder_data import Shape, Shapes
from ponder_render import Mesh
from torch import Tensor

from ponder_tasks.batches import seeded_generator
from ponder_tasks.metrics.reconstruction import (
    ReconstructionMetrics,
    SurfaceMetrics,
    mean_reconstruction,
    surface_metrics,
    volumetric_iou,
)
from ponder_tasks.recipe import ReconstructRecipe
from ponder_tasks.reconstruct.batch import (
    ask,
    collate_reconstruction,
    draw_places,
    draw_points,
    surface_cloud,
)
from ponder_tasks.reconstruct.model import ReconstructionModel
from ponder_tasks.reconstruct.shape_mesh import decoded, mesh_of_volume, sample_mesh


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconstructed:
    """A shape, the noisy points that were known of it, and the mesh that was made of them.

    Lengths are in sides of the unit cube. ``iou`` is that of the field itself, whose zero level the mesh is.
    """

    shape: Shape
    points: Float[Tensor, "points 3"]
    mesh: Mesh
    surface: SurfaceMetrics
    iou: float


def reconstruct_shapes(
    model: ReconstructionModel, shapes: Shapes, recipe: ReconstructRecipe
) -> Iterator[Reconstructed]:
    """Reconstruct and measure the first shapes, as many as the recipe's evaluation says."""
    for index in range(min(len(shapes), recipe.evaluation.shapes)):
        yield reconstruct_shape(model, shapes.shape(index), recipe, seed=index)


@torch.no_grad()
def reconstruct_shape(
    model: ReconstructionModel, shape: Shape, recipe: ReconstructRecipe, *, seed: int
) -> Reconstructed:
    """Reconstruct one shape from noisy points drawn by ``seed``, and measure it.

    A shape without a surface has as its distances the diagonal of the unit cube.
    """
    config, generator = recipe.evaluation, seeded_generator(recipe.trainer.seed, 3, seed)
    device = next(model.parameters()).device
    points = draw_points(shape, recipe.points, generator)
    position = draw_places(shape, config.volume_points, 0, model.reach, 1.0, generator)
    cloud = surface_cloud(
        points,
        shape.name,
        grid_size=recipe.sample.grid_size,
        encoder_cells=recipe.points.encoder_cells,
    )
    places = ask(shape, position, distance=False)
    volume = model.encode(collate_reconstruction([cloud], [places]).to(device))
    inside = model.outside(decoded(model, volume, position.to(device), 0)).cpu() < 0
    mesh = mesh_of_volume(model, volume, config.resolution)
    rng = np.random.default_rng([recipe.trainer.seed, seed])
    found, true = sample_mesh(mesh, config.surface_points, rng), shape.surface
    compared = slice(config.surface_points)
    return Reconstructed(
        shape=shape,
        points=points,
        mesh=mesh,
        surface=surface_metrics(
            found.point,
            found.normal,
            true.point[compared],
            true.normal[compared],
            threshold=config.threshold,
            missing_distance=3**0.5,
        ),
        iou=volumetric_iou(inside.numpy(), places.inside.numpy()),
    )


def mean_of(reconstructed: list[Reconstructed]) -> ReconstructionMetrics:
    """Return the means over shapes.

    Raises:
        ValueError: when there is none.
    """
    empty = sum(not len(one.mesh.faces) for one in reconstructed)
    return mean_reconstruction(
        [one.surface for one in reconstructed], [one.iou for one in reconstructed], empty
    )


def measure_reconstruction(
    model: ReconstructionModel, shapes: Shapes, recipe: ReconstructRecipe
) -> ReconstructionMetrics:
    """Return Chamfer-L1, F-score, normal consistency and volumetric IoU over the validation shapes."""
    return mean_of(list(reconstruct_shapes(model, shapes, recipe)))
