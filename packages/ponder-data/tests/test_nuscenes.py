"""nuScenes keyframes: sweeps fall into place, cameras see the points, boxes and labels as the tables say."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_data import (
    NUSCENES_ATTRIBUTES,
    NUSCENES_CLASSES,
    NUSCENES_DETECTION_CLASSES,
    Scene,
    project_to_view,
)
from ponder_data.nuscenes.classes import RAW_CATEGORIES, lidarseg_labels
from ponder_data.nuscenes.poses import quaternion_of, rigid_inverse, rotation_matrix
from ponder_data.nuscenes.splits import official_split

from .nuscenes_tables import (
    CAMERA_TO_EGO,
    INTRINSICS,
    LIDAR_TO_EGO,
    START,
    STEP,
    VERSION,
    WORLD_POINTS,
    Tables,
    build_tables,
    ego_pose,
)


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return build_tables(tmp_path)


def in_lidar(points: np.ndarray, index: int) -> np.ndarray:
    """Return global points in the LiDAR's frame at keyframe ``index``, by a plain inverse."""
    pose = np.linalg.inv(ego_pose(START + index * STEP) @ LIDAR_TO_EGO)
    return points @ pose[:3, :3].T + pose[:3, 3]


def close(actual: torch.Tensor | None, expected: np.ndarray, atol: float = 2e-5) -> None:
    assert actual is not None
    np.testing.assert_allclose(actual.numpy(), expected, atol=atol, rtol=0)


def test_what_stands_still_falls_into_place(tables: Tables) -> None:
    scene = tables.open(sweeps=4)[2]
    points = len(WORLD_POINTS)
    # Its own sweep and three older ones, each without the point on the vehicle.
    assert len(scene) == 4 * points
    expected = in_lidar(WORLD_POINTS, 2)
    for sweep in range(4):
        close(scene.coord[sweep * points : (sweep + 1) * points], expected)
    close(scene.time, np.repeat([0.0, 0.25, 0.5, 0.75], points), atol=1e-6)
    assert scene.intensity is not None
    close(scene.intensity[:points], np.array([0.0, 0.2, 0.4, 0.6, 1.0]))
    assert scene.ring is not None
    assert scene.ring[:points].tolist() == [0, 7, 15, 23, 31]
    assert scene.name == "scene-0061/sample-2"


def test_the_chain_of_sweeps_ends_with_the_scene(tables: Tables) -> None:
    data = tables.open(sweeps=10)
    assert len(data) == 3
    assert [len(scene) // len(WORLD_POINTS) for scene in (data[0], data[1], data[2])] == [1, 3, 5]


def test_pictures_see_the_points_where_the_camera_was_when_it_took_them(tables: Tables) -> None:
    scene = tables.open(sweeps=2)[1]
    (view,) = scene.views
    camera = np.linalg.inv(ego_pose(START + STEP - 40_000) @ CAMERA_TO_EGO)
    local = WORLD_POINTS @ camera[:3, :3].T + camera[:3, 3]
    image = (local / local[:, 2:]) @ INTRINSICS.T
    seen = project_to_view(scene.coord[: len(WORLD_POINTS)], view)
    np.testing.assert_allclose(seen.pixel.numpy(), image[:, :2], atol=2e-3)
    inside = (
        (local[:, 2] > 0) & (image[:, 0] > 0) & (image[:, 0] < 63) & (image[:, 1] > 0) & (image[:, 1] < 35)
    )
    assert inside.sum() == 3
    expected = np.zeros((36, 64))
    for (u, v, _), z in zip(image[inside].round().astype(int), local[inside, 2], strict=True):
        expected[v, u] = z
    close(view.depth, expected, atol=1e-4)
    # A point has the colour of its pixel; the others and the older sweep are grey.
    u, v = image[:, 0].round(), image[:, 1].round()
    color = np.where(inside[:, None], np.stack([u * 4, v * 7, 0 * u], axis=1) / 255, 0.5)
    close(scene.color, np.concatenate([color, np.full((5, 3), 0.5)]))


def test_a_resized_picture_keeps_its_rays(tables: Tables) -> None:
    full, half = tables.open()[1].views[0], tables.open(image_width=32)[1].views[0]
    assert half.color.shape == (18, 32, 3)
    expected = INTRINSICS.copy()
    expected[:2, :2] /= 2
    expected[:2, 2] = [(31.5 + 0.5) / 2 - 0.5, (17.5 + 0.5) / 2 - 0.5]
    close(half.intrinsics, expected)
    close(half.color.mean(dim=(0, 1)), full.color.mean(dim=(0, 1)).numpy(), atol=2e-3)


def test_boxes_turn_into_the_lidars_frame(tables: Tables) -> None:
    boxes = tables.open()[1].boxes
    assert boxes is not None
    # The bicycle rack is none of the ten classes.
    assert [NUSCENES_DETECTION_CLASSES[label] for label in boxes.label] == ["car"]
    close(boxes.center, in_lidar(np.array([[21.0, -2.0, 0.9]]), 1))
    close(boxes.size, np.array([[4.5, 2.0, 1.6]]))
    turn = np.linalg.inv(ego_pose(START + STEP) @ LIDAR_TO_EGO)[:3, :3]
    close(boxes.heading, np.arctan2(turn[1, :1], turn[0, :1]))
    assert boxes.instance.tolist() == [0xAA01]
    assert boxes.num_points is not None
    assert boxes.num_points.tolist() == [5]
    assert boxes.attribute is not None
    assert [NUSCENES_ATTRIBUTES[i] for i in boxes.attribute] == ["vehicle.moving"]


@pytest.mark.parametrize(
    ("index", "velocity"),
    [(0, [2.0, -4.0, 0.0]), (1, [4.0, -4.0, 0.0]), (2, [6.0, -4.0, 0.0])],
    ids=["forward", "central", "backward"],
)
def test_velocities_are_difference_quotients(tables: Tables, index: int, velocity: list[float]) -> None:
    boxes = tables.open()[index].boxes
    assert boxes is not None
    turn = np.linalg.inv(ego_pose(START + index * STEP) @ LIDAR_TO_EGO)[:3, :3]
    close(boxes.velocity, (turn @ np.array(velocity))[None], atol=1e-4)


def test_velocities_are_unknown_where_neighbours_are_far_or_missing(tables: Tables) -> None:
    tables.row("sample", "sample-2")["timestamp"] = START + STEP + 1_600_000
    tables.row("sample_annotation", "car-0")["next"] = ""
    known = [bool(boxes.velocity.isfinite().all()) for boxes in _boxes(tables)]
    # 0: alone; 1: 2.1 s between both neighbours are allowed; 2: 1.6 s to the one before are not.
    assert known == [False, True, False]


def _boxes(tables: Tables) -> list:
    data = tables.open()
    return [data[index].boxes for index in range(3)]


def test_boxes_without_returns_are_dropped_when_asked(tables: Tables) -> None:
    tables.row("sample_annotation", "car-1").update(num_lidar_pts=0, num_radar_pts=0)
    assert [len(tables.open()[1].boxes or ()), len(tables.open(least_box_points=0)[1].boxes or ())] == [0, 1]


def test_labels_are_of_the_keyframes_own_points(tables: Tables) -> None:
    data = tables.open(sweeps=2)
    assert data[0].semantic is None
    scene = data[1]
    assert scene.semantic is not None
    names = [NUSCENES_CLASSES[i] if i >= 0 else None for i in scene.semantic]
    assert names == ["manmade", "driveable_surface", "car", "vegetation", None] + [None] * 5


def test_raw_labels_follow_the_official_table() -> None:
    labels = lidarseg_labels(np.arange(32, dtype=np.uint8))
    official = [
        0,
        0,
        7,
        7,
        7,
        0,
        7,
        0,
        0,
        1,
        0,
        0,
        8,
        0,
        2,
        3,
        3,
        4,
        5,
        0,
        0,
        6,
        9,
        10,
        11,
        12,
        13,
        14,
        15,
        0,
        16,
        0,
    ]
    assert (labels + 1).tolist() == official
    assert len(RAW_CATEGORIES) == 32
    with pytest.raises(ValueError, match="lidarseg id 32 is not one of 0 to 31"):
        lidarseg_labels(np.array([3, 32], dtype=np.uint8))


def test_splits_are_the_official_ones() -> None:
    train, val, test = (official_split(name) for name in ("train", "val", "test"))
    assert (len(train), len(val), len(test)) == (700, 150, 150)
    assert len({*train, *val, *test}) == 1000
    # Mini is cut anew: two of its training scenes are validation scenes of the whole.
    assert len(set(official_split("mini_train")) & set(train)) == 6
    assert official_split("mini_val") == ("scene-0103", "scene-0916")
    assert set(official_split("mini_val")) <= set(val)
    with pytest.raises(ValueError, match=r"no split 'dev'; it has train, val"):
        official_split("dev")


def test_splits_and_scene_lists_of_ones_own(tables: Tables, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("scene-0061\nscene-0001\n")
    assert len(tables.open(scenes_file=names, split="val")) == 3
    tables.write()
    (tables.root / VERSION / "splits.json").write_text('{"mine": ["scene-0061"]}')
    assert len(tables.open(split="mine")) == 3
    assert len(tables.open(split="mini_train")) == 3
    with pytest.raises(ValueError, match=r"splits.json: has no split 'yours'; it has mine"):
        tables.open(split="yours")


@pytest.mark.parametrize(
    ("split", "message"),
    [("mini_val", "holds none of the 2 scenes asked for; it holds scene-0061"), ("dev", "no split 'dev'")],
)
def test_absent_scenes_are_said(tables: Tables, split: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tables.open(split=split)


def test_broken_tables_are_named(tables: Tables) -> None:
    tables.row("instance", "aa01")["category_token"] = "gone"
    with pytest.raises(ValueError, match=r"category.json: has no record 'gone'"):
        tables.open()
    tables.row("instance", "aa01")["category_token"] = "vehicle.car"
    tables.rows["sample_data"] = [r for r in tables.rows["sample_data"] if r["token"] != "lidar-2"]
    with pytest.raises(ValueError, match=r"1 of 3 keyframes have no LIDAR_TOP .* sample-2"):
        tables.open()
    path = tables.root / VERSION / "sample.json"
    path.write_text(path.read_text()[:-9])
    del tables.rows["sample"]
    with pytest.raises(ValueError, match=r"sample.json: is not JSON, perhaps cut off"):
        tables.open()
    path.unlink()
    with pytest.raises(ValueError, match=r"sample.json: cannot be read"):
        tables.open()


def test_broken_files_are_named(tables: Tables) -> None:
    data = tables.open()
    sweep = tables.root / "samples/LIDAR_TOP/lidar-1.pcd.bin"
    whole = sweep.read_bytes()
    for cut in (1, 4):
        sweep.write_bytes(whole[:-cut])
        with pytest.raises(ValueError, match=r"lidar-1.pcd.bin: .*cut off"):
            data[1]
    sweep.write_bytes(whole[:-20])
    with pytest.raises(ValueError, match=r"holds 6 labels for a sweep of 5 points"):
        data[1]
    sweep.unlink()
    with pytest.raises(ValueError, match=r"lidar-1.pcd.bin: cannot be read"):
        data[1]
    picture = tables.root / "samples/CAM_FRONT/camera-0.png"
    picture.write_bytes(picture.read_bytes()[:80])
    with pytest.raises(ValueError, match=r"camera-0.png: cannot be read as a picture"):
        data[0]
    with pytest.raises(IndexError, match="keyframe 3 of 3"):
        data[3]


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: sum(x * x for x in q) > 0.01))
@settings(max_examples=30, deadline=None)
def test_quaternions_and_matrices_are_the_same_rotation(quaternion: list[float]) -> None:
    rotation = rotation_matrix(quaternion)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert math.isclose(np.linalg.det(rotation), 1.0, abs_tol=1e-12)
    # The same half turn, by Rodrigues: cos and sin of the half angle are the quaternion's parts.
    w, axis = quaternion[0], np.array(quaternion[1:])
    length = math.hypot(*quaternion)
    vector = np.array([0.3, -0.7, 0.2])
    turned = (
        (w * w - axis @ axis) * vector + 2 * (axis @ vector) * axis + 2 * w * np.cross(axis, vector)
    ) / length**2
    np.testing.assert_allclose(rotation @ vector, turned, atol=1e-12)
    np.testing.assert_allclose(rotation_matrix(quaternion_of(rotation)), rotation, atol=1e-12)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, quaternion[:3]
    np.testing.assert_allclose(rigid_inverse(pose) @ pose, np.eye(4), atol=1e-12)


def test_no_quaternion_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[0.0, 0.0, 0.0, 0.0\] is not a rotation"):
        rotation_matrix([0.0, 0.0, 0.0, 0.0])


def test_normals_are_estimated_when_asked(tables: Tables) -> None:
    plain: Scene = tables.open(sweeps=4)[2]
    assert not bool(plain.normal.any())
    with_normals = tables.open(sweeps=4, normal_neighbours=6)[2]
    close(torch.linalg.vector_norm(with_normals.normal, dim=1), np.ones(len(plain)), atol=1e-5)
    facing = (with_normals.normal * -with_normals.coord).sum(dim=1)
    assert bool((facing >= -1e-4).all())
