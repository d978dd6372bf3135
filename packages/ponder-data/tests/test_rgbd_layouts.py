from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from ponder_data import RgbdSequence, RgbdSequenceConfig, Scene, View, detect_layout, open_dataset
from ponder_data.datasets.rgbd_tum import associate
from scipy.spatial.transform import Rotation

from .rgbd_room_folder import HEIGHT, HIGH, INTRINSICS, LOW, WIDTH, camera_pose, room_pictures

TURNS = [0.3 * number for number in range(5)]


def opened(path: Path, **settings: object) -> RgbdSequence:
    values = {"path": path, "held_out_every": 0, "up": "z", **settings}
    return RgbdSequence(RgbdSequenceConfig.model_validate(values))


def assert_shows_the_room(scene: Scene, atol: float = 2e-3) -> None:
    """The cloud lies on the walls, and each point has the colour of its place."""
    coord = scene.coord.double().numpy()
    to_wall = np.minimum(np.abs(coord - LOW), np.abs(coord - HIGH)).min(axis=1)
    assert to_wall.max() < atol
    np.testing.assert_allclose(scene.color.numpy(), (coord - LOW) / (HIGH - LOW), atol=0.03)


def write_tum(path: Path, poses_from: float = -1.0) -> Path:
    """Write five frames at 10 Hz with the colour 7 ms after the depth, and poses of a steady turn at 100 Hz."""
    (path / "rgb").mkdir(parents=True)
    (path / "depth").mkdir()
    lists: dict[str, list[str]] = {
        "rgb": ["# color images"],
        "depth": ["# depth maps"],
        "groundtruth": ["# poses"],
    }
    for number, turn in enumerate(TURNS):
        color, depth = room_pictures(camera_pose(turn))
        time = 1305031102.16 + 0.1 * number
        for kind, stamp, picture in (
            ("rgb", time + 0.007, color),
            ("depth", time, (depth * 5).astype(np.uint16)),
        ):
            Image.fromarray(picture).save(path / kind / f"{stamp:.6f}.png")
            lists[kind].append(f"{stamp:.6f} {kind}/{stamp:.6f}.png")
    for step in range(80):
        since = 0.01 * step - 0.1043
        if since >= poses_from:
            pose = camera_pose(3.0 * since)
            words = [1305031102.16 + since, *pose[:3, 3], *Rotation.from_matrix(pose[:3, :3]).as_quat()]
            lists["groundtruth"].append(" ".join(f"{word:.6f}" for word in words))
    for kind, lines in lists.items():
        (path / f"{kind}.txt").write_text("\n".join(lines) + "\n")
    np.savetxt(path / "camera-intrinsics.txt", INTRINSICS)
    return path


def test_tum_frames_are_paired_by_time_and_posed_in_between(tmp_path: Path) -> None:
    scenes = opened(write_tum(tmp_path / "desk"))
    scene = scenes[0]
    assert [view.name for view in scene.views[:2]] == ["1305031102.160000", "1305031102.260000"]
    for view, turn in zip(scene.views, TURNS, strict=True):
        np.testing.assert_allclose(view.camera_to_world.numpy(), camera_pose(turn), atol=2e-5)
    assert_shows_the_room(scene)
    assert detect_layout(tmp_path / "desk").name == "tum"
    assert len(open_dataset(tmp_path)[0].views) == 4  # of five, one is held out


def test_tum_frames_without_a_pose_are_dropped(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"dropped 2 of 5 frames: 2 with no pose within 0\.02 s"):
        scenes = opened(write_tum(tmp_path / "desk", poses_from=0.19))
    assert len(scenes[0].views) == 3


def test_tum_intrinsics_come_from_a_file_or_the_name(tmp_path: Path) -> None:
    path = write_tum(tmp_path / "desk")
    (path / "camera-intrinsics.txt").unlink()
    with pytest.raises(ValueError, match=r"has no camera-intrinsics\.txt, and its name tells no recording"):
        opened(path)
    (path / "calibration.txt").write_text("60.0 60.0 31.5 23.5\n")
    torch.testing.assert_close(opened(path)[0].views[0].intrinsics, torch.from_numpy(INTRINSICS).float())
    (path / "calibration.txt").unlink()
    known = path.rename(tmp_path / "rgbd_dataset_freiburg3_desk")
    assert opened(known, depth_range=(0.1, 6.0))[0].views[0].intrinsics[0].tolist() == pytest.approx(
        [535.4, 0, 320.1]
    )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("rgb.txt", "1.0 a.png\nb.png\n", "cannot be read as a list by time stamps"),
        ("depth.txt", "1.0 a.png\n2.0\n", "has 2 lines, of which 1 hold fewer than 2 entries"),
        ("groundtruth.txt", "1.0 0 0 0 0 0 0 1\n2.0 a b c 0 0 0 1\n", "holds something else than numbers"),
        ("rgb.txt", "1.0 a.png\n2.0 b.png\n", "no picture of depth.txt has one of rgb.txt within"),
        ("calibration.txt", "60 60\n", "holds fewer than four numbers"),
    ],
)
def test_broken_lists_are_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = write_tum(tmp_path / "desk")
    if name == "calibration.txt":
        (path / "camera-intrinsics.txt").unlink()
    (path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        opened(path)


times = st.lists(st.floats(0, 0.5), max_size=12).map(lambda values: np.array(sorted(values)))


@settings(max_examples=80, deadline=None)
@given(first=times, second=times)
def test_association_takes_the_nearest_pairs_first(first: np.ndarray, second: np.ndarray) -> None:
    pairs = associate(first, second, 0.03).tolist()
    left, right = set(range(len(first))), set(range(len(second)))
    slow = []
    while True:
        near = [(abs(first[i] - second[j]), i, j) for i in left for j in right]
        near = [pair for pair in near if pair[0] <= 0.03]
        if not near:
            break
        _, i, j = min(near)
        slow.append([i, j])
        left.remove(i)
        right.remove(j)
    # Where two pairs are equally near, either may be taken.
    distance = np.abs(first[:, None] - second[None]).reshape(-1)
    if len(np.unique(distance.round(12))) == len(distance):
        assert pairs == sorted(slow)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)


COLOR_SIZE = (160, 116)
COLOR_INTRINSICS = np.array([[140.0, 0.0, 82.0], [0.0, 138.0, 55.0], [0.0, 0.0, 1.0]])


def write_scannet_export(path: Path, flat: bool = False) -> Path:
    """Write five frames, the colour larger than the depth and of another focal length; frame 10 has no pose."""
    for name in ("color", "depth", "pose", "intrinsic"):
        (path / name).mkdir(parents=True)
    for number, turn in enumerate(TURNS):
        pose = camera_pose(turn)
        color, _ = room_pictures(pose, COLOR_INTRINSICS, COLOR_SIZE)
        name = str(number * 5)
        Image.fromarray(color).save(path / "color" / f"{name}.png")
        Image.fromarray(room_pictures(pose)[1]).save(path / "depth" / f"{name}.png")
        np.savetxt(path / "pose" / f"{name}.txt", pose if number != 2 else np.full((4, 4), -np.inf))
    folder, size = (path, 3) if flat else (path / "intrinsic", 4)
    for camera, intrinsics in (("color", COLOR_INTRINSICS), ("depth", INTRINSICS)):
        matrix = np.eye(4)
        matrix[:3, :3] = intrinsics
        np.savetxt(folder / f"intrinsic{'s' if flat else ''}_{camera}.txt", matrix[:size, :size])
    return path


@pytest.mark.parametrize("flat", [False, True])
def test_scannet_export_brings_colour_to_the_pixels_of_depth(tmp_path: Path, flat: bool) -> None:
    path = write_scannet_export(tmp_path / "scene0000_00", flat)
    with pytest.warns(UserWarning, match=r"dropped 1 of 5 frames: 1 with bad pose \(NaN, infinite"):
        scenes = opened(path)
    scene = scenes[0]
    assert [view.name for view in scene.views] == ["0", "5", "15", "20"]
    view: View = scene.views[0]
    assert (view.width, view.height) == (WIDTH, HEIGHT)
    assert_shows_the_room(scene)
    assert detect_layout(tmp_path).name == "scannet-export"


def test_scannet_export_without_intrinsics_is_refused(tmp_path: Path) -> None:
    path = write_scannet_export(tmp_path)
    (path / "intrinsic" / "intrinsic_depth.txt").unlink()
    with pytest.raises(ValueError, match=r"has no intrinsic/intrinsic_depth\.txt"):
        opened(path)
