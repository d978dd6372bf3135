import math
from pathlib import Path

import numpy as np
import pytest
from ponder_data import Structured3d, Structured3dConfig, project_to_view
from ponder_data.indoor.pixels import panorama_rays
from ponder_data.labels import STRUCTURED3D

from .indoor_files import write_json
from .structured3d_download import ROOM, write_download, write_room


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("structured3d")
    write_download(root)
    return root


def config(root: Path, **changes: object) -> Structured3dConfig:
    return Structured3dConfig.model_validate({"path": root, **changes})


def test_panoramas_look_along_y_and_turn_right_towards_x() -> None:
    rays = panorama_rays(400, 200)
    np.testing.assert_allclose(np.linalg.norm(rays, axis=-1), 1.0)
    middle = rays[99:101].mean(axis=0)
    for column, direction in ((200, [0, 1, 0]), (300, [1, 0, 0]), (100, [-1, 0, 0]), (0, [0, -1, 0])):
        np.testing.assert_allclose(middle[column], direction, atol=0.02)
    np.testing.assert_allclose(rays[0], np.tile([0.0, 0.0, 1.0], (400, 1)), atol=0.02)


@pytest.mark.parametrize("panorama", [True, False])
def test_points_lie_on_the_walls_with_their_classes_and_normals(root: Path, panorama: bool) -> None:
    scene = Structured3d(config(root, panorama=panorama, views=0))[0]
    assert (scene.name, scene.dataset) == ("scene_00001/925", "structured3d")
    coord, normal = scene.coord.double().numpy(), scene.normal.double().numpy()
    off = np.abs(np.abs(coord) - ROOM)
    wall = off.argmin(axis=1)
    assert off.min(axis=1).max() < 0.002  # depth is in whole millimetres
    facing = np.take_along_axis(normal * -np.sign(coord), wall[:, None], axis=1)[:, 0]
    # Some points beside an edge of the room have a normal between two walls'.
    assert np.median(facing) > 0.9999
    assert (facing > 0).all()
    assert scene.semantic is not None
    assert scene.instance is not None
    bed = scene.coord[:, 2] < 0
    names = [STRUCTURED3D.names[label] for label in scene.semantic.tolist()]
    assert names == ["bed" if low else "wall" for low in bed]
    assert set(scene.instance[~bed].tolist()) == {-1}
    assert set(scene.instance[bed].tolist()) == ({7, -1} if panorama else {7})
    # Perspective renderings look to three sides, the panorama to all.
    behind = (coord[:, 1] < -1.99) & (np.abs(coord[:, 0]) < 1.0)
    assert bool(behind.any()) == panorama


def test_boxes_of_instances_that_are_seen(root: Path) -> None:
    boxes = Structured3d(config(root, views=0))[0].boxes
    assert boxes is not None
    assert (boxes.instance.tolist(), boxes.label.tolist()) == ([7], [STRUCTURED3D.names.index("bed")])
    np.testing.assert_allclose(boxes.center.numpy(), [[0.1, 0.2, -0.6]], atol=1e-6)
    np.testing.assert_allclose(boxes.size.numpy(), [[1.8, 0.9, 0.6]], atol=1e-6)
    np.testing.assert_allclose(boxes.heading.numpy(), [math.radians(30)], atol=1e-6)


def test_views_see_the_cloud(root: Path) -> None:
    scene = Structured3d(config(root, views=2, panorama=False))[0]
    assert [view.name for view in scene.views] == ["perspective 0", "perspective 2"]
    for view, side in zip(scene.views, (1, -1), strict=True):
        assert view.source == "synthetic"
        ahead = scene.coord[:, 0] * side > 2.9
        seen = project_to_view(scene.coord[ahead], view)
        pixel = seen.pixel.round().long()
        inside = (pixel >= 0).all(dim=1) & (pixel[:, 0] < view.width) & (pixel[:, 1] < view.height)
        assert inside.sum() > 100
        assert (view.depth[pixel[inside, 1], pixel[inside, 0]] - seen.z[inside]).abs().max() < 0.2
        assert view.semantic is not None
        assert scene.semantic is not None
        np.testing.assert_array_equal(
            view.semantic[pixel[inside, 1], pixel[inside, 0]].numpy(), scene.semantic[ahead][inside].numpy()
        )
        assert view.semantic[0, 0] == -1


def test_splits_are_the_official_numbers(root: Path) -> None:
    names = {
        split: [room.name for room in Structured3d(config(root, split=split)).rooms]
        for split in ("train", "val", "all")
    }
    assert names == {"train": ["925", "485142"], "val": ["12"], "all": ["925", "485142", "12"]}
    with pytest.raises(ValueError, match="of the split 'test'"):
        Structured3d(config(root, split="test"))
    with pytest.raises(ValueError, match="Structured3dConfig.path is not set"):
        Structured3d(Structured3dConfig())


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("2D_rendering/12/perspective/full/0/depth.png", b"", "cannot be read as a picture"),
        ("2D_rendering/12/perspective/full/1/camera_pose.txt", b"1 2 3", "holds 3 numbers; expected 12"),
        ("2D_rendering/12/perspective/full/1/camera_pose.txt", b"0 0 0 0 0 1 0 0 1 .5 .5 1", "is no camera"),
        ("2D_rendering/12/panorama/camera_xyz.txt", b"1 2 x", "cannot be read as a camera"),
        ("bbox_3d.json", b"[{", "is no whole JSON file"),
        ("bbox_3d.json", b'[{"ID": 7, "basis": [1, 2]}]', "a box lacks ID, basis, coeffs or centroid"),
    ],
)
def test_a_broken_room_names_the_file(tmp_path: Path, file: str, content: bytes, says: str) -> None:
    scene = tmp_path / "scene_00002"
    write_room(scene, "12")
    write_json(scene / "bbox_3d.json", [])
    (scene / file).write_bytes(content)
    with pytest.raises(ValueError, match=f"{Path(file).name}: .*{says}"):
        Structured3d(config(tmp_path))[0]
