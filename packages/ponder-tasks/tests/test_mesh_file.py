"""From a scan to a mesh file, by runs as they lie on disk (of random weights: what matters is where things are)."""

from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from ponder_data import Scene
from ponder_tasks.checkpoint import save_weights
from ponder_tasks.overrides import apply_overrides
from ponder_tasks.pretrain.model import PretrainModel
from ponder_tasks.recipe import PretrainRecipe
from ponder_tasks.recipes.rooms import rooms
from ponder_tasks.recipes.rooms_reconstruct import rooms_reconstruct
from ponder_tasks.recipes.rooms_semseg import rooms_semseg
from ponder_tasks.reconstruct.mesh_file import reconstruct_scan
from ponder_tasks.reconstruct.model import ReconstructionModel
from ponder_tasks.reconstruct.scene_mesh import mesh_of_scene

TINY_ENCODER = (
    "encoder.base_channels=8",
    "encoder.channels=[8,16,16,8]",
    "encoder.layers=[1,1,1,1]",
    "encoder.backend=torch",
)
TINY = (
    *TINY_ENCODER,
    "renderer.volume_shape=[12,12,8]",
    "renderer.dense.channels=8",
    "renderer.dense.projected_channels=8",
    "renderer.field.hidden=16",
)
SHIFT = np.array([10.0, -20.0, 3.0], dtype=np.float32)


def floor(points: int = 900) -> np.ndarray:
    """Return points of a floor of 2 x 3 m with a box on it."""
    rng = np.random.default_rng(0)
    coord = rng.uniform(0, 1, size=(points, 3)) * [2.0, 3.0, 0.02]
    coord[: points // 3] = coord[: points // 3] * [0.3, 0.3, 40.0]
    return coord.astype(np.float32)


def pretrained() -> tuple[PretrainModel, PretrainRecipe]:
    torch.manual_seed(0)
    recipe = apply_overrides(rooms(), TINY)
    model = PretrainModel(recipe).eval()
    # New weights say "free space" everywhere; 16 cm nearer there is a surface somewhere.
    model.renderer.field.geometry_net.output.bias.data[0] -= 0.16
    return model, recipe


def tensors(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.contiguous() for name, value in model.state_dict().items()}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    model, recipe = pretrained()
    path = tmp_path / "run"
    save_weights(path / "checkpoints", tensors=tensors(model), recipe=recipe)
    return path


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.npz"
    coord = floor() + SHIFT
    color, normal = np.full_like(coord, 0.5), np.tile(np.array([0, 0, 1], dtype=np.float32), (len(coord), 1))
    np.savez(path, coord=coord, color=color, normal=normal)
    return path


def scene(coord: np.ndarray) -> Scene:
    point = torch.from_numpy(coord)
    up = torch.tensor([0.0, 0.0, 1.0]).expand(len(coord), 3).contiguous()
    return Scene(name="floor", dataset="scan", coord=point, color=torch.full_like(point, 0.5), normal=up)


def test_a_mesh_lies_where_its_scene_lies() -> None:
    model, recipe = pretrained()
    grid = recipe.sample.grid_size
    here = mesh_of_scene(model, scene(floor()), grid, resolution=16)
    there = mesh_of_scene(model, scene(floor() + SHIFT), grid, resolution=16)
    assert len(here.faces) > 100
    assert here.faces.shape == there.faces.shape
    np.testing.assert_allclose(there.vertices - SHIFT, here.vertices, atol=1e-3)
    lower, upper = floor().min(axis=0) - 0.1, floor().max(axis=0) + 0.1
    assert ((here.vertices >= lower - 1e-3) & (here.vertices <= upper + 1e-3)).all()


@pytest.mark.parametrize("name", ["mesh.ply", "mesh.obj", "mesh.glb"])
def test_a_scan_becomes_a_file(run: Path, scan: Path, tmp_path: Path, name: str) -> None:
    written = reconstruct_scan(scan, run, tmp_path / name, resolution=16, trim=None)
    mesh = trimesh.load(tmp_path / name, force="mesh", process=False)
    assert isinstance(mesh, trimesh.Trimesh)
    assert len(mesh.faces) == written.triangles > 100
    np.testing.assert_allclose(np.ptp(mesh.vertices, axis=0), written.size, atol=1e-4)
    assert np.abs(mesh.vertices.mean(axis=0) - floor().mean(axis=0) - SHIFT).max() < 1
    assert (written.points, written.recipe, written.trimmed) == (900, "rooms", 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "run", "scan.npz"])


def test_what_is_far_from_points_is_trimmed(run: Path, scan: Path, tmp_path: Path) -> None:
    whole = reconstruct_scan(scan, run, tmp_path / "whole.ply", resolution=16, trim=None)
    part = reconstruct_scan(scan, run, tmp_path / "part.ply", resolution=16, trim=0.15)
    assert 0 < part.trimmed < 1
    assert part.triangles == round(whole.triangles * (1 - part.trimmed))
    with pytest.raises(ValueError, match=r"farther than 1e-06 m .* trim less"):
        reconstruct_scan(scan, run, tmp_path / "none.ply", resolution=16, trim=1e-6)
    assert not (tmp_path / "none.ply").exists()


def test_a_learned_reconstruction_meshes_a_cloud_where_it_lies(scan: Path, tmp_path: Path) -> None:
    changes = (*TINY_ENCODER, "points.count=400", "points.encoder_cells=12", "network.volume_cells=12")
    recipe = apply_overrides(rooms_reconstruct(), (*changes, "network.output=sdf"))
    torch.manual_seed(0)
    model = ReconstructionModel(recipe)
    # A field that is the distance from a plane through the middle of the cube: z = relu(z) - relu(-z).
    decoder = model.decoder
    for parameter in decoder.parameters():
        torch.nn.init.zeros_(parameter)
    decoder.position.weight.data[:2, 2] = decoder.value.weight.data[0, :2] = torch.tensor([1.0, -1.0])
    save_weights(tmp_path / "run" / "checkpoints", tensors=tensors(model), recipe=recipe)
    written = reconstruct_scan(scan, tmp_path / "run", tmp_path / "mesh.ply", resolution=8, trim=None)
    mesh = trimesh.load_mesh(tmp_path / "mesh.ply")
    coord = floor() + SHIFT
    middle, side = 0.5 * (coord.min(axis=0) + coord.max(axis=0)), np.ptp(coord, axis=0).max()
    np.testing.assert_allclose(mesh.vertices[:, 2], middle[2], atol=2e-3)
    np.testing.assert_allclose(written.size[:2], 1.1 * side, rtol=1e-3)


def test_what_does_not_fit_is_told_and_nothing_is_written(run: Path, scan: Path, tmp_path: Path) -> None:
    def told(words: str, scan: Path = scan, run: Path = run, output: str = "mesh.ply", **options) -> None:
        with pytest.raises(ValueError, match=words):
            reconstruct_scan(scan, run, tmp_path / output, **options)

    told(r"must end in .ply, .obj or .glb", output="mesh.stl")
    told(r"is not there; make it first", output="no/mesh.ply")
    told("resolution of 0", resolution=0)
    told("cannot trim at -1", trim=-1.0)
    told("no such file", scan=tmp_path / "no.ply")
    told("has no conditions", condition="ScanNet")
    segment = apply_overrides(rooms_semseg(), TINY_ENCODER)
    save_weights(tmp_path / "labels" / "checkpoints", tensors={"one": torch.zeros(1)}, recipe=segment)
    model, recipe = pretrained()
    model.renderer.field.geometry_net.output.bias.data[0] += 10
    save_weights(tmp_path / "free" / "checkpoints", tensors=tensors(model), recipe=recipe)
    told("finds no surface in .*scan.npz, only free space", run=tmp_path / "free", resolution=8)
    told("has learned no surface", run=tmp_path / "labels")
    assert not list(tmp_path.glob("*mesh*"))
