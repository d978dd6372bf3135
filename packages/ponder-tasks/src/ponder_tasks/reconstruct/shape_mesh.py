"""The surface of a decoded field as a mesh."""

import numpy as np
import torch
from jaxtyping import Float, Int
from ponder_data import Surface
from ponder_render import FeatureVolume, Mesh, march

from ponder_tasks.reconstruct.model import ReconstructionModel

PLACES = 1 << 16
"""Decoded at once."""

SLAB = 1 << 22
"""Lattice points marched through at once."""


@torch.no_grad()
def mesh_of_volume(
    model: ReconstructionModel, volume: FeatureVolume, resolution: int, index: int = 0
) -> Mesh:
    """Mesh the zero level of the field of volume ``index``, in the unit frame, by marching cubes.

    Args:
        model: its decoder is asked.
        volume: from ``model.encode``.
        resolution: steps along each side of the volume.
        index: which of the volumes.
    """
    step = 2 * model.reach / resolution
    axis = torch.arange(resolution + 1, device=volume.table.device) * step - model.reach

    def planes(start: int, stop: int) -> Float[np.ndarray, "planes y z"]:
        lattice = torch.cartesian_prod(axis[start:stop], axis, axis)
        value = model.outside(decoded(model, volume, lattice, index))
        return value.view(stop - start, resolution + 1, resolution + 1).cpu().numpy()

    # Log-odds have no length: a step of 1 keeps them between 0.001 and 16.
    unit = 1.0 if model.config.output == "occupancy" else step
    points = resolution + 1
    vertices, faces = march(planes, (points, points, points), (unit, unit), SLAB)
    position = (vertices * step - model.reach).astype(np.float32)
    return Mesh(vertices=position, faces=faces, normals=vertex_normals(position, faces), colors=None)


@torch.no_grad()
def decoded(
    model: ReconstructionModel, volume: FeatureVolume, position: Float[torch.Tensor, "places 3"], index: int
) -> Float[torch.Tensor, " places"]:
    """Return the decoder's value at any number of places of volume ``index``."""
    parts = [
        model.decode(volume, part, torch.full((len(part),), index, device=part.device))
        for part in position.split(PLACES)
    ]
    return torch.cat(parts)


def vertex_normals(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]
) -> Float[np.ndarray, "vertices 3"]:
    """Return unit normals: the sum of those of the triangles around each vertex, weighted by their areas."""
    normal = np.zeros((len(vertices), 3))
    across = face_vectors(vertices, faces)
    for corner in range(3):
        np.add.at(normal, faces[:, corner], across)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    return (normal / np.maximum(length, 1e-12)).astype(np.float32)


def face_vectors(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]
) -> Float[np.ndarray, "faces 3"]:
    """Return the normals of triangles, twice as long as these are large."""
    first, second, third = vertices[faces].astype(np.float64).transpose(1, 0, 2)
    return np.cross(second - first, third - first)


def sample_mesh(mesh: Mesh, count: int, rng: np.random.Generator) -> Surface:
    """Draw ``count`` points evenly over the triangles, with the triangles' normals; none of a mesh without any."""
    if not len(mesh.faces):
        return Surface(point=np.zeros((0, 3)), normal=np.zeros((0, 3)))
    across = face_vectors(mesh.vertices, mesh.faces)
    area = np.linalg.norm(across, axis=1)
    face = rng.choice(len(area), size=count, p=area / area.sum())
    # Folding the unit square onto its lower triangle keeps points even.
    share = rng.uniform(size=(count, 2))
    share = np.where(share.sum(axis=1, keepdims=True) > 1, 1 - share, share)
    first, second, third = mesh.vertices[mesh.faces[face]].astype(np.float64).transpose(1, 0, 2)
    point = first + share[:, :1] * (second - first) + share[:, 1:] * (third - first)
    return Surface(point=point, normal=across[face] / area[face, None])
