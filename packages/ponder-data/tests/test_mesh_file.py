from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image
from ponder_data import read_scan
from ponder_data.scans.mesh_file import read_mesh
from trimesh.triangles import closest_point
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial


def ball(**visual: Any) -> Any:
    mesh: Any = trimesh.creation.icosphere(subdivisions=3)
    for name, values in visual.items():
        setattr(mesh.visual, name, values)
    return mesh


@pytest.mark.parametrize("ending", ["obj", "stl", "off", "glb"])
def test_points_lie_on_the_surface_with_its_normals(tmp_path: Path, ending: str) -> None:
    ball(vertex_colors=np.tile(np.array([10, 20, 30, 255], np.uint8), (642, 1))).export(
        tmp_path / f"ball.{ending}"
    )
    coloured = ending in ("obj", "glb")
    with pytest.warns(UserWarning, match="no colours") if not coloured else nullcontext():
        scene = read_scan(tmp_path / f"ball.{ending}")
    assert len(scene) == 100_000
    radius = scene.coord.norm(dim=1)
    assert radius.min() > 0.98
    assert radius.max() < 1 + 1e-5
    assert (scene.normal * scene.coord).sum(dim=1).min() > 0.97
    # Evenly spread: each octant has its eighth.
    octant = (scene.coord > 0).long() @ scene.coord.new_tensor([1, 2, 4]).long()
    np.testing.assert_allclose(octant.bincount() / len(scene), 1 / 8, atol=6e-3)
    if coloured:
        expected = np.tile(np.array([10, 20, 30]) / 255, (len(scene), 1))
        np.testing.assert_allclose(scene.color.numpy(), expected, atol=1e-6)


def write_textured_square(folder: Path) -> Path:
    """Write a square of 2 m in the plane z = 0 whose texture is red to the right and green upwards."""
    ramp = np.linspace(0, 255, 256).round().astype(np.uint8)
    picture = np.zeros((256, 256, 3), np.uint8)
    picture[..., 0] = ramp[None, :]
    picture[..., 1] = ramp[::-1, None]  # the first row of a picture is the top, v = 1
    Image.fromarray(picture).save(folder / "ramp.png")
    (folder / "square.mtl").write_text("newmtl ramp\nKd 1 1 1\nmap_Kd ramp.png\n")
    (folder / "square.obj").write_text(
        "mtllib square.mtl\nv -1 -1 0\nv 1 -1 0\nv 1 1 0\nv -1 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
        "usemtl ramp\nf 1/1 2/2 3/3\nf 1/1 3/3 4/4\n"
    )
    return folder / "square.obj"


def test_colours_come_from_the_texture_picture(tmp_path: Path) -> None:
    scene = read_scan(write_textured_square(tmp_path))
    expected = np.concatenate((scene.coord[:, :2].numpy() / 2 + 0.5, np.zeros((len(scene), 1))), axis=1)
    np.testing.assert_allclose(scene.color.numpy(), expected, atol=6e-3)


def test_parts_of_a_gltf_scene_stand_where_its_graph_puts_them_with_y_up(tmp_path: Path) -> None:
    scene: Any = trimesh.Scene()
    red: Any = trimesh.creation.box((1, 1, 1))
    red.visual = TextureVisuals(material=PBRMaterial(baseColorFactor=[255, 0, 0, 255]))
    scene.add_geometry(red, transform=np.array([[1, 0, 0, 0], [0, 1, 0, 5], [0, 0, 1, 0], [0, 0, 0, 1.0]]))
    blue: Any = trimesh.creation.box((2, 2, 2))
    blue.visual.face_colors = [0, 0, 255, 255]
    scene.add_geometry(blue)
    scene.export(tmp_path / "two.glb")
    scan = read_scan(tmp_path / "two.glb")
    high = scan.coord[:, 2] > 3
    # Surfaces of 6 and 24 square metres share the points.
    assert float(high.float().mean()) == pytest.approx(0.2, abs=5e-3)
    assert scan.color[high].unique(dim=0).tolist() == [[1.0, 0.0, 0.0]]
    assert scan.color[~high].unique(dim=0).tolist() == [[0.0, 0.0, 1.0]]


def test_the_same_file_gives_the_same_points(tmp_path: Path) -> None:
    ball().export(tmp_path / "ball.obj")
    first, second = (read_mesh(tmp_path / "ball.obj", points=500) for _ in range(2))
    np.testing.assert_array_equal(first.coord, second.coord)


def test_files_without_surface_are_refused(tmp_path: Path) -> None:
    (tmp_path / "line.obj").write_text("v 0 0 0\nv 1 0 0\nl 1 2\n")
    with pytest.raises(ValueError, match=r"line\.obj: cannot be read.*it holds no surface"):
        read_scan(tmp_path / "line.obj")
    (tmp_path / "cut.glb").write_bytes(b"glTF\x02\0\0\0")
    with pytest.raises(ValueError, match=r"cut\.glb: cannot be read, perhaps cut off"):
        read_scan(tmp_path / "cut.glb")


def test_real_meshes_are_sampled(shared_data: Path) -> None:
    with pytest.warns(UserWarning, match=r"spot\.obj: holds no colours"):
        scene = read_scan(shared_data / "meshes" / "spot.obj")
    mesh: Any = trimesh.load_mesh(shared_data / "meshes" / "spot.obj")
    for point in scene.coord[:10].double().numpy():
        nearest = closest_point(mesh.triangles, np.tile(point, (len(mesh.faces), 1)))
        assert np.linalg.norm(nearest - point, axis=1).min() < 1e-6
