"""The surface of a cloud as a learned reconstruction sees it."""

from dataclasses import replace

import numpy as np
import torch
from ponder_data import Scene, unit_frame
from ponder_render import Mesh

from ponder_tasks.batches import seeded_generator
from ponder_tasks.recipe import ReconstructRecipe
from ponder_tasks.reconstruct.batch import Places, collate_reconstruction, surface_cloud
from ponder_tasks.reconstruct.model import ReconstructionModel
from ponder_tasks.reconstruct.shape_mesh import mesh_of_volume


@torch.no_grad()
def mesh_of_cloud(
    model: ReconstructionModel, scene: Scene, recipe: ReconstructRecipe, *, resolution: int
) -> Mesh:
    """Scale a cloud into the unit cube, mesh the field that the model makes of it, and scale the mesh back.

    Of more points than the model was trained with, as many are drawn (the same every time). Colours and normals of
    the cloud are not read, for the model has never had any.

    Args:
        model: a trained reconstruction.
        scene: its points.
        recipe: what the model was trained by.
        resolution: steps of the marching cubes along each side of the cube.

    Raises:
        ValueError: when all points lie in one place, or there are fewer than three.
    """
    coord = scene.coord.double().numpy()
    frame = unit_frame(coord.min(axis=0), coord.max(axis=0))
    points = torch.from_numpy(frame.to_unit(coord)).float()
    if len(points) > recipe.points.count:
        points = points[torch.randperm(len(points), generator=seeded_generator(0))[: recipe.points.count]]
    cloud = surface_cloud(
        points,
        scene.name,
        grid_size=recipe.sample.grid_size,
        encoder_cells=recipe.points.encoder_cells,
    )
    nowhere = Places(
        position=torch.zeros(0, 3), inside=torch.zeros(0, dtype=torch.bool), signed_distance=None
    )
    batch = collate_reconstruction([cloud], [nowhere]).to(next(model.parameters()).device)
    mesh = mesh_of_volume(model, model.encode(batch), resolution)
    vertices = frame.from_unit(mesh.vertices.astype(np.float64)).astype(np.float32)
    return replace(mesh, vertices=vertices)
