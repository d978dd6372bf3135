"""Meshes of the SDF's zero level: marching cubes over a volume's box, with normals and colours from the field."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ponder_render.evaluation.evaluate import FlatValues, evaluate_field
from ponder_render.evaluation.placement import place_positions
from ponder_render.mesh.lattice import lattice_over, sdf_planes
from ponder_render.mesh.marching import march
from ponder_render.optional import load_trimesh
from ponder_render.renderer import VolumeRenderer
from ponder_render.volume.feature_volume import FeatureVolume
from ponder_render.volume.occupancy import find_occupancy

SLAB = 1 << 24
"""Lattice points marched through at once: 64 MiB of them."""

VERTICES = 1 << 16
"""Vertices at which normals and colours are evaluated at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """A triangle mesh in the world, metres. Triangles turn counter-clockwise seen from free space.

    Attributes:
        vertices: positions.
        faces: three vertices each.
        normals: of each vertex, unit length, towards free space.
        colors: of each vertex, seen against its normal, in [0, 1]; None where the field has no colour.
    """

    vertices: Float[np.ndarray, "vertices 3"]
    faces: Int[np.ndarray, "faces 3"]
    normals: Float[np.ndarray, "vertices 3"]
    colors: Float[np.ndarray, "vertices 3"] | None

    def export(self, path: str | Path) -> None:
        """Write the mesh to a file; its suffix says how: .ply, .obj or .glb.

        Raises:
            ImportError: without trimesh.
            ValueError: when the suffix is another one, or the mesh is empty.
        """
        path = Path(path)
        if path.suffix.lower() not in (".ply", ".obj", ".glb"):
            raise ValueError(f"{path.name} should end in .ply, .obj or .glb, which say how a mesh is written")
        if not len(self.faces):
            raise ValueError(
                f"the mesh has no triangle, so {path.name} was not written: the SDF has one sign everywhere"
            )
        colors = None if self.colors is None else np.round(self.colors * 255).clip(0, 255).astype(np.uint8)
        load_trimesh().Trimesh(
            self.vertices, self.faces, vertex_normals=self.normals, vertex_colors=colors, process=False
        ).export(path)

    def largest_part(self) -> "Mesh":
        """The connected part with the most triangles: a learned SDF leaves crumbs where nothing was seen.

        Raises:
            ImportError: without trimesh.
        """
        if not len(self.faces):
            return self
        edges = self.faces[:, [0, 1, 1, 2]].reshape(-1, 2)
        label = load_trimesh().graph.connected_component_labels(edges, node_count=len(self.vertices))
        kept = label == np.bincount(label[self.faces[:, 0]]).argmax()
        number = np.cumsum(kept) - 1
        return Mesh(
            vertices=self.vertices[kept],
            faces=number[self.faces[kept[self.faces[:, 0]]]],
            normals=self.normals[kept],
            colors=None if self.colors is None else self.colors[kept],
        )


def extract_mesh(
    renderer: VolumeRenderer,
    volume: FeatureVolume,
    *,
    resolution: int | tuple[int, int, int] = 128,
    index: int = 0,
    level: float = 0.0,
    slab_points: int = SLAB,
) -> Mesh:
    """Mesh the surface where the SDF is ``level``, by marching cubes over the whole box.

    The lattice is marched through in slabs along x that share a plane, and their vertices there are joined, so
    that the mesh is one whatever the slabs and no resolution needs more memory than a slab and the mesh. Where the
    surface leaves the box the mesh is open. Space that the renderer's sampler skips as empty is empty here too.
    Vertices keep a thousandth of a step away from lattice points.

    Args:
        renderer: its field and border.
        volume: the features.
        resolution: steps along x, y and z, or along the longest side; see ``lattice_over``.
        index: which volume.
        level: metres; above 0 the surface lies that far out in free space.
        slab_points: lattice points at once.

    Raises:
        ImportError: without scikit-image.
        ValueError: when there is no such volume or the resolution has no step.
    """
    lattice = lattice_over(volume.bounds, index, resolution)
    dilation, border = renderer.config.sampler.skip_empty, renderer.config.border
    occupancy = None if dilation is None else find_occupancy(volume, dilation)

    def planes(start: int, stop: int) -> Float[np.ndarray, "planes y z"]:
        sdf = sdf_planes(renderer.field, volume, index, lattice, start, stop, border, occupancy)
        return (sdf.float() - level).cpu().numpy()

    step, lower = lattice.step.double().cpu().numpy(), lattice.lower.double().cpu().numpy()
    vertices, faces = march(planes, lattice.shape, (float(step.min()), float(step.max())), slab_points)
    position = (vertices * step + lower).astype(np.float32)
    normals, colors = _look(renderer, volume, index, position)
    return Mesh(vertices=position, faces=faces, normals=normals, colors=colors)


@torch.no_grad()
def _look(
    renderer: VolumeRenderer, volume: FeatureVolume, index: int, vertices: Float[np.ndarray, "vertices 3"]
) -> tuple[Float[np.ndarray, "vertices 3"], Float[np.ndarray, "vertices 3"] | None]:
    """Normals and colours at vertices, each seen from straight above."""
    config, normals, colors = renderer.config, [], []
    like = next(renderer.field.parameters())

    def values_at(position: Tensor, direction: Tensor) -> FlatValues:
        where = torch.full((len(position),), index, device=position.device)
        placement = place_positions(
            volume, position, direction, where, config.field.coordinate, config.border
        )
        return evaluate_field(renderer.field, volume.table, placement, appearance=volume.appearance)

    for part in torch.from_numpy(vertices).split(VERTICES):
        position = part.to(like)
        normal = F.normalize(values_at(position, torch.zeros_like(position)).gradient, dim=1)
        normals.append(normal.float().cpu().numpy())
        if config.field.color_layers is not None:
            color = values_at(position, -normal).color
            assert color is not None
            colors.append(color.float().cpu().numpy())
    return np.concatenate(normals), np.concatenate(colors) if colors else None
