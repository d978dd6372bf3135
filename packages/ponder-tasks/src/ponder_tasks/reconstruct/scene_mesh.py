"""The surface of a scene as pre-training has learned it: the zero level of its SDF (Eq. 4), with colours."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from ponder_data import Scene
from ponder_render import Mesh, extract_mesh

from ponder_tasks.pretrain.model import PretrainModel
from ponder_tasks.whole_scene import whole_scene


@torch.no_grad()
def mesh_of_scene(
    model: PretrainModel, scene: Scene, grid_size: float, *, resolution: int, condition: str | None = None
) -> Mesh:
    """Encode all of ``scene``, spread its features over the volume, and mesh the SDF there, in the scene's own frame.

    Args:
        model: a pre-trained encoder with its renderer.
        scene: its points; views are not read.
        grid_size: of the encoder, metres.
        resolution: steps of the marching cubes along the longest side of the scene's box.
        condition: whose norms to use, of an encoder that has some for each of several datasets.

    Raises:
        ValueError: when the scene has fewer than two points or values that are not finite, or the resolution is
            below 1.
    """
    whole = whole_scene(scene, grid_size)
    batch = whole.batch.to(next(model.parameters()).device)
    if condition is not None:
        batch = replace(batch, datasets=(condition,))
    _, volume = model.encode(batch)
    mesh = extract_mesh(model.renderer, volume, resolution=resolution)
    return moved_mesh(mesh, (scene.coord[0] - whole.scene.coord[0]).double().numpy())


def moved_mesh(mesh: Mesh, shift: Float[np.ndarray, "3"]) -> Mesh:
    """Return the mesh moved by ``shift`` metres."""
    return replace(mesh, vertices=(mesh.vertices + shift).astype(np.float32))
