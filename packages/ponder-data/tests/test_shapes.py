"""Shapes: procedural furniture and folders of meshes."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import trimesh
from ponder_data.datasets.furniture_shapes import BUILDERS, FurnitureShapes, FurnitureShapesConfig
from ponder_data.datasets.mesh_folder import MeshFolder, MeshFolderConfig
from ponder_data.shapes.mesh_solid import MeshSolid
from ponder_data.shapes.shapes import Shapes


def furniture(**changes) -> FurnitureShapes:
    return FurnitureShapes(FurnitureShapesConfig(**{"shapes": 2, "surface_points": 400, **changes}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four boxes, taller (along y) from file to file."""
    for number in range(4):
        trimesh.creation.box((1, 2 + number, 1)).export(tmp_path / f"box{number}.obj")
    (tmp_path / "notes.txt").write_text("not a mesh")
    return tmp_path


def test_every_piece_fills_the_unit_cube_and_its_surface_is_on_its_solid() -> None:
    shapes = furniture(shapes=len(BUILDERS), surface_points=2000)
    assert isinstance(shapes, Shapes)
    for index in range(len(shapes)):
        shape = shapes.shape(index)
        extent = np.ptp(shape.surface.point, axis=0).max()
        assert 0.9 < extent <= 1 + 1e-9, shape.name
        assert 0.3 < shape.side < 3
        assert shape.inside(shape.surface.point - 2e-4 * shape.surface.normal).mean() > 0.99, shape.name
        assert shape.inside(shape.surface.point + 2e-4 * shape.surface.normal).mean() < 0.01, shape.name


def test_a_piece_is_a_function_of_seed_split_and_number() -> None:
    point = furniture().shape(1).surface.point
    assert (furniture().shape(1).surface.point == point).all()
    assert (furniture(first=1).shape(0).surface.point == point).all()
    for other in (furniture(seed=1), furniture(split="val")):
        assert other.shape(1).surface.point.shape == point.shape
        assert not np.allclose(other.shape(1).surface.point, point)
    with pytest.raises(IndexError, match="piece 2 of 2"):
        furniture().shape(2)


def test_a_shape_as_a_scene_is_in_metres() -> None:
    shapes = furniture()
    scene, shape = shapes[0], shapes.shape(0)
    np.testing.assert_allclose(scene.coord.numpy(), shape.surface.point * shape.side, atol=1e-6)
    assert scene.name == "chair-train-0-00000"
    assert (scene.dataset, scene.views, scene.semantic) == ("furniture", (), None)
    assert set(scene.color.reshape(-1).tolist()) == {0.5}


def test_meshes_are_split_by_name_and_turned_upright(folder: Path) -> None:
    training = MeshFolder(MeshFolderConfig(path=folder, surface_points=400))
    held_out = MeshFolder(MeshFolderConfig(path=folder, surface_points=400, split="val"))
    assert [path.stem for path in training.files] == ["box0", "box1", "box3"]
    assert [path.stem for path in held_out.files] == ["box2"]
    shape = held_out.shape(0)
    np.testing.assert_allclose(np.ptp(shape.surface.point, axis=0), [0.25, 0.25, 1.0], atol=0.02)
    assert shape.inside(np.array([[0.0, 0.0, 0.49], [0.0, 0.49, 0.0]])).tolist() == [True, False]
    assert (held_out.shape(0).surface.point == shape.surface.point).all()
    both = MeshFolder(MeshFolderConfig(path=folder, held_out_every=0, up="z", surface_points=400))
    assert len(both) == 4
    np.testing.assert_allclose(np.ptp(both.shape(0).surface.point, axis=0), [0.5, 1.0, 0.5], atol=0.02)


def test_what_is_no_folder_of_meshes_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a folder"):
        MeshFolder(MeshFolderConfig(path=folder / "box0.obj"))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match="holds no mesh"):
        MeshFolder(MeshFolderConfig(path=empty))
    trimesh.creation.box((1, 1, 1)).export(empty / "alone.obj")
    with pytest.raises(ValueError, match="none is left for val with held_out_every=4"):
        MeshFolder(MeshFolderConfig(path=empty, split="val"))
    with pytest.raises(ValueError, match="holds every mesh out"):
        MeshFolderConfig(held_out_every=1)
    box = trimesh.creation.box((1, 1, 1))
    trimesh.Trimesh(box.vertices, box.faces[1:]).export(empty / "alone.obj")
    with pytest.raises(ValueError, match=r"alone.obj: the mesh of 11 triangles is not watertight"):
        MeshFolder(MeshFolderConfig(path=empty)).shape(0)
    (empty / "alone.obj").write_bytes(b"\x00\x01")
    with pytest.raises(ValueError, match=r"alone\.obj: "):
        MeshFolder(MeshFolderConfig(path=empty)).shape(0)


def test_real_meshes_enclose_the_volume_that_their_triangles_say() -> None:
    beside = Path(__file__).resolve().parents[3].parent / "shared"
    path = Path(os.environ.get("PONDER_SHARED", beside)) / "data" / "meshes"
    if not path.is_dir():
        pytest.skip("the real data is not there: neither PONDER_SHARED nor shared/ beside the repository")
    shapes = MeshFolder(MeshFolderConfig(path=path, held_out_every=0, surface_points=1000))
    point = np.random.default_rng(0).uniform(-0.5, 0.5, size=(60_000, 3))
    for index in (1, 2, 3):
        shape = shapes.shape(index)
        assert isinstance(shape.solid, MeshSolid)
        assert shape.inside(point).mean() == pytest.approx(shape.solid.mesh.volume, rel=0.05)


def test_workers_get_the_same_shapes(folder: Path) -> None:
    """What was made before does not travel."""
    furniture = FurnitureShapes(FurnitureShapesConfig(shapes=2, surface_points=100))
    meshes = MeshFolder(MeshFolderConfig(path=folder, surface_points=100))
    for shapes in (furniture, meshes):
        shape = shapes.shape(1)
        there = pickle.loads(pickle.dumps(shapes)).shape(1)
        assert there.name == shape.name
        np.testing.assert_array_equal(there.surface.point, shape.surface.point)
