from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ponder_data import Matterport3d, Matterport3dConfig, project_to_view
from ponder_data.indoor.house import read_pictures
from ponder_data.labels import MATTERPORT3D

from .indoor_files import smooth_color, write_text
from .matterport3d_download import COORD, DOWN, HERE, NORMAL, REAL, RGB, THERE, write_download, write_house


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_download(tmp_path)
    return tmp_path


def config(root: Path, **changes: object) -> Matterport3dConfig:
    return Matterport3dConfig.model_validate({"path": root, **changes})


@pytest.mark.parametrize("split", ["train", "val"])
def test_points_classes_instances_and_boxes(root: Path, split: str) -> None:
    scenes = Matterport3d(config(root, split=split, views=0))
    name = {"train": "17DRP5sb8fy", "val": "zsNo4HB9uLZ"}[split]
    assert [scene.name for scene in scenes] == [f"{name}/region{number}" for number in (0, 2, 10)]
    scene = scenes[0]
    np.testing.assert_allclose(scene.coord.numpy(), COORD, atol=1e-6)
    np.testing.assert_allclose(scene.color.numpy(), RGB / 255, atol=1e-6)
    np.testing.assert_allclose(scene.normal.numpy(), NORMAL)
    floor, chair = MATTERPORT3D.names.index("floor"), MATTERPORT3D.names.index("chair")
    assert scene.semantic is not None
    assert scene.instance is not None
    inner = COORD[:, 0] != 1.0
    left = COORD[:, 0] < 1.0
    # The last corner has but one triangle, which has no category (its instance counts all the same).
    expected = np.where(left, floor, chair)
    expected[-1] = -1
    np.testing.assert_array_equal(scene.semantic.numpy()[inner], expected[inner])
    np.testing.assert_array_equal(scene.instance.numpy()[inner], np.where(left, 11, 12)[inner])
    boxes = scene.boxes
    assert boxes is not None
    assert (boxes.instance.tolist(), boxes.label.tolist()) == ([5], [chair])
    np.testing.assert_allclose(boxes.center.numpy(), [[1, 2, 3]])
    np.testing.assert_allclose(boxes.size.numpy(), [[1.0, 0.5, 1.5]])
    np.testing.assert_allclose(boxes.heading.numpy(), [0.4], atol=1e-6)


def test_views_are_of_the_regions_panoramas_and_see_the_points(root: Path) -> None:
    scenes = Matterport3d(config(root))
    assert [[view.name for view in scene.views] for scene in scenes] == [
        [f"{HERE}_i1_0", f"{HERE}_i1_1"],
        [f"{THERE}_i1_0", f"{THERE}_i1_1"],
        [],
    ]
    scene = scenes[0]
    view = scene.views[1]
    np.testing.assert_allclose(view.camera_to_world.numpy(), DOWN, atol=1e-6)
    np.testing.assert_allclose(view.intrinsics.numpy(), [[30, 0, 14.5], [0, 30, 10], [0, 0, 1]])
    np.testing.assert_allclose(view.depth.numpy(), 2.0)
    np.testing.assert_allclose(project_to_view(scene.coord, view).z.numpy(), 2.0, atol=1e-5)
    assert np.abs(view.color.numpy() * 255 - smooth_color(24, 32, 50)).max() < 6


def test_rows_are_counted_from_the_bottom_in_the_files(tmp_path: Path) -> None:
    path = tmp_path / "house.conf"
    write_text(path, REAL, "scan x_d0_0.png x_i0_0.jpg " + " ".join(map(str, np.eye(4).reshape(-1))))
    (picture,) = read_pictures(path)
    expected = [[1076.45, 0, 631.116], [0, 1077.19, 513.798], [0, 0, 1]]
    np.testing.assert_allclose(picture.intrinsics(1024), expected, atol=1e-9)


def test_splits(root: Path) -> None:
    assert len(Matterport3d(config(root, split="all"))) == 6
    assert len(Matterport3d(config(root / "v1" / "scans", split="all"))) == 6
    with pytest.raises(
        ValueError, match=r"scenes_test.txt: no such list of scenes; copy it from tasks/benchmark"
    ):
        Matterport3d(config(root, split="test"))
    with pytest.raises(ValueError, match="holds no <house>/region_segmentations/"):
        Matterport3d(config(root / "v1" / "scans" / "17DRP5sb8fy", split="all"))


def text(content: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(content)


@pytest.mark.parametrize(
    ("file", "damage", "says"),
    [
        ("region_segmentations/region0.ply", text("ply"), "cannot be read, perhaps cut off"),
        ("house_segmentations/H.house", Path.unlink, "cannot be read"),
        (
            "house_segmentations/H.house",
            text("C 0 4 floor 2 floor\nO 5 0 0 1 2\n"),
            "line 2 is broken",
        ),
        ("house_segmentations/H.house", text("C 0 4 floor 2 floor\n"), "has faces of category 50"),
        (
            "house_segmentations/panorama_to_region.txt",
            text("0 a\n"),
            "'0 a' is not <number> <panorama> <region>",
        ),
        ("undistorted_camera_parameters/H.conf", text("n_images 0\n"), "lists no picture"),
        (
            "undistorted_camera_parameters/H.conf",
            text("scan a b 1\n"),
            r"the line 'scan a b 1' is broken \(no intr",
        ),
        (f"undistorted_depth_images/{HERE}_d1_0.png", Path.unlink, "cannot be read as a picture"),
    ],
)
def test_a_broken_house_names_the_file(
    tmp_path: Path, file: str, damage: Callable[[Path], object], says: str
) -> None:
    damage(write_house(tmp_path, "H") / file)
    named = "region0.ply" if "category" in says else Path(file).name
    with pytest.raises(ValueError, match=f"{named}: .*{says}"):
        Matterport3d(config(tmp_path, split="all"))[0]
