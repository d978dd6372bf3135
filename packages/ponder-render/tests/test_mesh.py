"""Meshes of volumes whose surface is known."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from ponder_render import (
    Bounds,
    DenseNetConfig,
    FeatureVolume,
    FieldConfig,
    Mesh,
    RendererConfig,
    SamplerConfig,
    VolumeRenderer,
    extract_mesh,
)
from ponder_render.mesh.lattice import lattice_over
from ponder_render.optional import load_skimage_measure, load_trimesh

pytest.importorskip("skimage", reason="not installed: it comes with the extra mesh")
trimesh = pytest.importorskip("trimesh", reason="not installed: it comes with the extra mesh")

SHAPE = (20, 24, 28)
MIDDLE, RADIUS = torch.tensor([0.1, -0.05, 0.03]), 0.7


def sphere_volume() -> FeatureVolume:
    """The SDF of a sphere as a feature, in an anisotropic box, and two more channels; the second of two volumes."""
    bounds = Bounds(
        lower=torch.tensor([[5.0, 5.0, 5.0], [-1.0, -1.2, -1.1]]),
        upper=torch.tensor([[6.0, 6.0, 6.0], [1.1, 1.0, 1.2]]),
    )
    cell = bounds.size[1] / torch.tensor(SHAPE)
    index = torch.cartesian_prod(*(torch.arange(n) for n in SHAPE))
    sdf = (bounds.lower[1] + (index + 0.5) * cell - MIDDLE).norm(dim=1) - RADIUS
    table = torch.zeros(2 * len(sdf), 3)
    table[len(sdf) :, 0] = sdf
    return FeatureVolume(
        table=table, shape=SHAPE, bounds=bounds, count=torch.ones(2, *SHAPE, dtype=torch.long)
    )


def reader(color_layers: int | None = 0) -> VolumeRenderer:
    """A renderer whose SDF is the first channel, and whose colour is the direction it is seen from."""
    field = FieldConfig(sdf_layers=0, color_layers=color_layers, geometry_channels=0)
    renderer = VolumeRenderer(
        RendererConfig(dense=DenseNetConfig(channels=3, groups=3), field=field), in_channels=3
    )
    with torch.no_grad():
        for parameter in renderer.field.parameters():
            parameter.zero_()
        renderer.field.geometry_net.output.weight[0, 3] = 1
        if renderer.field.color_head is not None:
            renderer.field.color_head.output.weight[:, 6:9] = torch.eye(3)
    return renderer


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    return extract_mesh(reader(), sphere_volume(), resolution=40, index=1)


def test_a_sphere_has_its_radius_area_and_volume(mesh: Mesh) -> None:
    radius = np.linalg.norm(mesh.vertices - MIDDLE.numpy(), axis=1)
    np.testing.assert_allclose(radius, RADIUS, atol=0.01)
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert solid.area == pytest.approx(4 * math.pi * RADIUS**2, rel=0.02)
    # Signed: triangles turned inwards would make it negative.
    assert solid.volume == pytest.approx(4 / 3 * math.pi * RADIUS**3, rel=0.03)


def test_a_sphere_is_watertight_and_turned_outwards(mesh: Mesh) -> None:
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert solid.is_watertight
    assert solid.is_winding_consistent
    assert solid.euler_number == 2
    assert float(solid.area_faces.min()) > 0
    outwards = (mesh.vertices - MIDDLE.numpy()) / RADIUS
    assert ((mesh.normals * outwards).sum(axis=1) > 0.98).all()
    assert (np.einsum("fk,fk->f", solid.face_normals, outwards[mesh.faces[:, 0]]) > 0.9).all()


def test_colours_are_those_seen_against_the_normal(mesh: Mesh) -> None:
    assert mesh.colors is not None
    np.testing.assert_allclose(mesh.colors, 1 / (1 + np.exp(mesh.normals)), atol=1e-5)


@pytest.mark.parametrize("planes", [1, 2, 7, 39])
def test_slabs_give_the_same_mesh_as_the_whole(mesh: Mesh, planes: int) -> None:
    points = planes * points_of_a_plane()
    slabs = extract_mesh(reader(), sphere_volume(), resolution=40, index=1, slab_points=points)
    assert slabs.vertices.shape == mesh.vertices.shape
    order, whole = np.lexsort(np.round(slabs.vertices, 5).T), np.lexsort(np.round(mesh.vertices, 5).T)
    np.testing.assert_allclose(slabs.vertices[order], mesh.vertices[whole], atol=1e-5)
    assert sorted_triangles(slabs) == sorted_triangles(mesh)
    assert trimesh.Trimesh(slabs.vertices, slabs.faces, process=False).is_watertight


def points_of_a_plane() -> int:
    shape = lattice_over(sphere_volume().bounds, 1, 40).shape
    return shape[1] * shape[2]


def sorted_triangles(mesh: Mesh) -> list[tuple[float, ...]]:
    """Triangles as positions, from their lowest corner on, so that neither numbering nor start matters."""
    corners = np.round(mesh.vertices[mesh.faces].astype(np.float64), 4) + 0.0
    first = np.array([min(range(3), key=lambda k: tuple(triangle[k])) for triangle in corners])
    turned = corners[np.arange(len(corners))[:, None], (first[:, None] + np.arange(3)) % 3]
    return sorted(map(tuple, turned.reshape(len(corners), 9).tolist()))


def test_a_noisy_surface_is_joined_without_cracks() -> None:
    """Random features: surfaces of every shape cross the planes that slabs share, and leave the box."""
    volume = sphere_volume()
    noise = torch.randn(volume.table.shape, generator=torch.Generator().manual_seed(0))
    noisy = FeatureVolume(table=noise, shape=SHAPE, bounds=volume.bounds, count=volume.count)
    meshes = [
        extract_mesh(reader(), noisy, resolution=(17, 30, 25), index=0, slab_points=points)
        for points in (1, 5 * 31 * 26, 1 << 24)
    ]
    for mesh in meshes[:2]:
        assert mesh.vertices.shape == meshes[2].vertices.shape
        assert mesh.faces.shape == meshes[2].faces.shape
    counts = []
    for mesh in meshes:
        edges = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).edges_sorted
        _, times = np.unique(edges, axis=0, return_counts=True)
        counts.append(np.bincount(times).tolist())
        once = edges_used_once(edges)
        from_the_middle = np.abs(mesh.vertices - 5.5).max(axis=1)
        assert from_the_middle[once].min() > 0.5 - 1e-5
    assert counts[0] == counts[1] == counts[2]


def edges_used_once(edges: np.ndarray) -> np.ndarray:
    unique, times = np.unique(edges, axis=0, return_counts=True)
    return unique[times == 1]


def test_values_of_exactly_zero_give_a_sound_mesh() -> None:
    """A plane through lattice points."""
    bounds = Bounds(lower=torch.zeros(1, 3), upper=torch.ones(1, 3))
    x = (torch.arange(8) + 0.5) / 8 - 0.5
    table = torch.zeros(8, 8, 8, 3)
    table[..., 0] = x[:, None, None]
    volume = FeatureVolume(
        table=table.view(-1, 3),
        shape=(8, 8, 8),
        bounds=bounds,
        count=torch.ones(1, 8, 8, 8, dtype=torch.long),
    )
    mesh = extract_mesh(reader(), volume, resolution=4, slab_points=1)
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert len(mesh.vertices) == 25
    assert solid.area == pytest.approx(1, rel=1e-3)
    np.testing.assert_allclose(mesh.vertices[:, 0], 0.5, atol=1e-3)
    np.testing.assert_allclose(mesh.normals, [[1, 0, 0]] * 25, atol=1e-6)


def test_a_level_moves_the_surface_out() -> None:
    mesh = extract_mesh(reader(None), sphere_volume(), resolution=30, index=1, level=0.1)
    np.testing.assert_allclose(
        np.linalg.norm(mesh.vertices - MIDDLE.numpy(), axis=1), RADIUS + 0.1, atol=0.01
    )
    assert mesh.colors is None


def test_what_rendering_skips_is_empty_in_the_mesh_too() -> None:
    """Only the cells around the sphere's surface hold points: the noise elsewhere leaves no mesh."""
    volume = sphere_volume()
    near = volume.table[:, 0].abs() < 0.05
    noise = torch.randn(volume.table.shape, generator=torch.Generator().manual_seed(0))
    noisy = FeatureVolume(
        table=torch.where(volume.table[:, :1].abs() < 0.3, volume.table, noise),
        shape=SHAPE,
        bounds=volume.bounds,
        count=near.long().view(2, *SHAPE),
    )
    everything = reader()
    config = everything.config.model_copy(update={"sampler": SamplerConfig(skip_empty=1)})
    skipping = VolumeRenderer(config, in_channels=3)
    skipping.load_state_dict(everything.state_dict())
    radius = [
        np.linalg.norm(
            extract_mesh(renderer, noisy, resolution=40, index=1).vertices - MIDDLE.numpy(), axis=1
        )
        for renderer in (everything, skipping)
    ]
    assert radius[0].max() > 1
    # The inner side of what is occupied is a surface too: there the solid ends.
    assert radius[1].max() < RADIUS + 0.01
    assert radius[1].min() > RADIUS - 0.3


@pytest.mark.parametrize("suffix", [".ply", ".obj", ".glb"])
def test_files_hold_the_mesh(mesh: Mesh, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"sphere{suffix}"
    mesh.export(path)
    again = trimesh.load_mesh(path, process=False)
    assert again.faces.shape == mesh.faces.shape
    np.testing.assert_allclose(again.vertices, mesh.vertices, atol=1e-5)
    assert mesh.colors is not None
    assert isinstance(again.visual, trimesh.visual.color.ColorVisuals)
    np.testing.assert_allclose(again.visual.vertex_colors[:, :3] / 255, mesh.colors, atol=0.5 / 255 + 1e-6)


def test_an_empty_or_nameless_mesh_is_not_written(tmp_path: Path) -> None:
    volume = sphere_volume()
    empty = extract_mesh(reader(), volume, resolution=8, index=1, level=-5.0)
    assert empty.vertices.shape == empty.faces.shape == (0, 3)
    assert empty.largest_part() is empty
    with pytest.raises(ValueError, match="the SDF has one sign everywhere"):
        empty.export(tmp_path / "empty.ply")
    with pytest.raises(ValueError, match=r"mesh.stl should end in .ply, .obj or .glb"):
        extract_mesh(reader(), volume, resolution=8, index=1).export(tmp_path / "mesh.stl")


def test_the_largest_part_is_kept_whole(mesh: Mesh) -> None:
    crumb = np.array([[3.0, 3, 3], [4, 3, 3], [3, 4, 3]], dtype=np.float32)
    assert mesh.colors is not None
    both = Mesh(
        vertices=np.concatenate([crumb, mesh.vertices]),
        faces=np.concatenate([[[0, 1, 2]], mesh.faces + 3]),
        normals=np.concatenate([crumb, mesh.normals]),
        colors=np.concatenate([crumb, mesh.colors]),
    )
    kept = both.largest_part()
    for name in ("vertices", "faces", "normals", "colors"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(mesh, name))


@pytest.mark.parametrize("load", [load_skimage_measure, load_trimesh])
def test_a_missing_package_names_the_extra(
    load: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r"pip install 'ponder-render\[mesh\]'"):
        load()
