import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ponder_data import Matterport3d, Matterport3dConfig, project_to_view
from ponder_data.indoor.house import read_pictures
from ponder_data.labels import MATTERPORT3D

from .indoor_files import grid_mesh, looking, rgb, smooth_color, write_ply, write_png, write_text

COORD, FACES = grid_mesh(4, 5)
RGB = np.tile(np.array([[200, 100, 50]]), (len(COORD), 1))
NORMAL = np.tile([0.0, 0.0, 1.0], (len(COORD), 1))
# Left half of the grid: floor (raw category 4); right half: a kitchen chair (raw category 50), but one triangle
# without any; the instances are numbered by region.
LEFT = COORD[FACES].mean(axis=1)[:, 0] < 1.0
CATEGORY = np.where(LEFT, 4, 50)
INSTANCE = np.where(LEFT, 11, 12)
HERE, THERE = "a" * 32, "b" * 32
DOWN = looking([1.0, 0.75, 2.0], [0, 0, -1], [0, -1, 0])
# Of a real house: the principal point of the original camera is (631.116, 513.798) in pictures of 1280 x 1024.
REAL = "intrinsics_matrix 1076.45 0 631.116  0 1077.19 509.202  0 0 1"


def write_house(root: Path, name: str, nested: bool = False) -> Path:
    house = root / "v1" / "scans" / name / name if nested else root / "v1" / "scans" / name
    vertex = rgb(RGB) | {f"n{axis}": ("float", NORMAL[:, i]) for i, axis in enumerate("xyz")}
    face = {
        "material_id": ("int", np.arange(len(FACES))),
        "segment_id": ("int", INSTANCE),
        "category_id": ("int", np.where(np.arange(len(FACES)) == len(FACES) - 1, -1, CATEGORY)),
    }
    for region in (0, 2, 10):
        write_ply(
            house / "region_segmentations" / f"region{region}.ply", COORD, FACES, vertex=vertex, face=face
        )
    c, s = math.cos(0.4), math.sin(0.4)
    write_text(
        house / "house_segmentations" / f"{name}.house",
        "ASCII 1.0",
        f"H {name} - 0 2 0 0 0 4 3 3 0 1 0 0 0 0 0 0 0 0 1 1 1 0 0 0 0 0",
        "L 0 3 a 0 0 0 0 0 0 1 1 1 0 0 0 0 0",
        *(f"R {i} 0 0 0 k 0 0 0 0 0 0 1 1 1 2.5 0 0 0 0" for i in range(3)),
        f"P {HERE} 0 0 0 1 1 1 0 0 0 0 0",
        "C 0 4 floor 2 floor 0 0 0 0 0",
        "C 1 50 kitchen#chair 3 chair 0 0 0 0 0",
        "C 2 60 unknown 41 unlabeled 0 0 0 0 0",
        f"O 5 0 1 1 2 3 {c} {s} 0 {-s} {c} 0 0.5 0.25 0.75 0 0 0 0 0 0 0 0",
        "O 6 2 1 9 9 9 1 0 0 0 1 0 1 1 1 0 0 0 0 0 0 0 0",
        "O 7 0 2 9 9 9 1 0 0 0 1 0 1 1 1 0 0 0 0 0 0 0 0",
        "O 8 0 -1 9 9 9 0 0 0 0 0 0 1 1 1 0 0 0 0 0 0 0 0",
    )
    write_text(house / "house_segmentations" / "panorama_to_region.txt", f"0 {HERE} 0 k", f"1 {THERE} 2 b")
    opengl = DOWN @ np.diag([1.0, -1.0, -1.0, 1.0])
    row = " ".join(f"{value:.9f}" for value in opengl.reshape(-1))
    lines = ["dataset matterport", "n_images 4", "depth_directory undistorted_depth_images", ""]
    # Counted from the bottom: from the top the middle row is 24 - 1 - 13 = 10.
    lines.append("intrinsics_matrix 30.0 0 14.5  0 30.0 13.0  0 0 1")
    for panorama in (HERE, THERE):
        for yaw in range(2):
            lines.append(f"scan {panorama}_d1_{yaw}.png {panorama}_i1_{yaw}.jpg {row}")
            depth = house / "undistorted_depth_images" / f"{panorama}_d1_{yaw}.png"
            write_png(depth, np.full((24, 32), 8000, np.uint16))
            color = house / "undistorted_color_images" / f"{panorama}_i1_{yaw}.jpg"
            color.parent.mkdir(exist_ok=True)
            Image.fromarray(smooth_color(24, 32, 50 * yaw)).save(color, quality=98, subsampling=0)
    write_text(house / "undistorted_camera_parameters" / f"{name}.conf", *lines)
    return house


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_house(tmp_path, "17DRP5sb8fy")
    write_house(tmp_path, "zsNo4HB9uLZ", nested=True)
    write_text(tmp_path / "scenes_train.txt", "17DRP5sb8fy")
    write_text(tmp_path / "scenes_val.txt", "zsNo4HB9uLZ")
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
