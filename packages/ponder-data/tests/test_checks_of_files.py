"""Each fault planted in files that are otherwise good: it is found, in its file, and nothing else."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ponder_data.checks.folder import check_folder
from ponder_data.nuscenes.classes import RAW_CATEGORIES

from .nuscenes_tables import build_tables
from .rgbd_room_folder import Folder


def found(path: Path) -> list[tuple[str, str, str]]:
    """Return check, severity and file of each finding."""
    return [
        (finding.check, finding.severity, finding.file.relative_to(path).as_posix())
        for finding in check_folder(path).findings
    ]


def cut(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2 + 1])


def with_pose(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    return lambda path: np.savetxt(path, change(np.loadtxt(path)))


def in_metres(path: Path) -> None:
    Image.fromarray((np.asarray(Image.open(path)) // 1000).astype(np.uint16)).save(path)


def elsewhere(pose: np.ndarray) -> np.ndarray:
    return pose + np.array([[0, 0, 0, 0.7], [0, 0, 0, 0.5], [0, 0, 0, 0.3], [0, 0, 0, 0]])


@pytest.fixture
def frames(folder: Folder) -> Folder:
    folder.write_many(8)
    return folder


def test_good_frames_give_no_finding(frames: Folder) -> None:
    report = check_folder(frames.path)
    assert report.findings == ()
    assert (report.layout, report.scenes, report.examined) == ("folder of posed RGB-D frames", 1, 1)


@pytest.mark.parametrize(
    ("kind", "plant", "check", "severity"),
    [
        ("color.png", cut, "unreadable", "error"),
        ("depth.png", cut, "unreadable", "error"),
        ("color.png", lambda path: path.write_bytes(b""), "unreadable", "error"),
        ("pose.txt", with_pose(lambda pose: np.full((4, 4), np.nan)), "pose", "warning"),
        ("pose.txt", with_pose(lambda pose: np.full((4, 4), -np.inf)), "pose", "warning"),
        ("pose.txt", with_pose(lambda pose: 1.5 * pose), "pose", "error"),
        ("pose.txt", with_pose(lambda pose: np.diag([1.0, 1.0, -1.0, 1.0]) @ pose), "pose", "error"),
        ("pose.txt", cut, "pose", "error"),
        ("depth.png", in_metres, "depth_scale", "error"),
        ("pose.txt", with_pose(elsewhere), "reprojection", "error"),
    ],
)
def test_a_fault_of_a_frame_is_found_in_its_file(
    frames: Folder, kind: str, plant: Callable[[Path], None], check: str, severity: str
) -> None:
    file = frames.file(2, kind)
    plant(file)
    assert found(frames.path) == [(check, severity, file.name)]


def test_depth_all_in_metres_is_found_in_every_file(frames: Folder) -> None:
    files = [frames.file(number, "depth.png") for number in range(8)]
    for file in files:
        in_metres(file)
    assert found(frames.path) == [("depth_scale", "error", file.name) for file in files]


def test_intrinsics_that_cannot_be_read_are_found(frames: Folder) -> None:
    (frames.path / "camera-intrinsics.txt").write_text("0 0 0")
    assert found(frames.path) == [("unreadable", "error", "camera-intrinsics.txt")]


def write_sweeps(path: Path) -> None:
    for number in range(2):
        generator = np.random.default_rng(number)
        sweep = generator.uniform(2.0, 30.0, (300, 5)).astype(np.float32)
        sweep.tofile(path / f"{number}.pcd.bin")
        generator.integers(0, len(RAW_CATEGORIES), 300, dtype=np.uint8).tofile(
            path / f"{number}_lidarseg.bin"
        )


def test_good_sweeps_give_no_finding(tmp_path: Path) -> None:
    write_sweeps(tmp_path)
    assert found(tmp_path) == []


def set_label(value: int) -> Callable[[Path], None]:
    def plant(path: Path) -> None:
        labels = np.fromfile(path, dtype=np.uint8)
        labels[7] = value
        labels.tofile(path)

    return plant


@pytest.mark.parametrize(
    ("name", "plant", "check"),
    [
        ("1.pcd.bin", cut, "unreadable"),
        ("1_lidarseg.bin", cut, "unreadable"),
        ("1_lidarseg.bin", set_label(77), "class_ids"),
        ("1_lidarseg.bin", lambda path: np.zeros(300, dtype=np.uint8).tofile(path), "labels_empty"),
    ],
)
def test_a_fault_of_a_sweep_is_found_in_its_file(
    tmp_path: Path, name: str, plant: Callable[[Path], None], check: str
) -> None:
    write_sweeps(tmp_path)
    plant(tmp_path / name)
    assert found(tmp_path) == [(check, "error", name)]


def test_tables_and_their_files(tmp_path: Path) -> None:
    tables = build_tables(tmp_path)
    tables.write()
    assert found(tmp_path) == []
    picture = tmp_path / "samples" / "CAM_FRONT" / "camera-1.png"
    whole = picture.read_bytes()
    cut(picture)
    assert found(tmp_path) == [("unreadable", "error", "samples/CAM_FRONT/camera-1.png")]
    picture.write_bytes(whole)
    table = tmp_path / "v1.0-mini" / "ego_pose.json"
    table.write_text(json.dumps(tables.rows["ego_pose"])[:-40])
    assert found(tmp_path) == [("unreadable", "error", "v1.0-mini/ego_pose.json")]


@pytest.mark.parametrize("name", ["nuscenes_mini", "nuscenes_lidarseg"])
def test_real_driving_data_is_good(shared_data: Path, name: str) -> None:
    assert found(shared_data / name) == []


def test_the_real_kitchen_is_good(shared_data: Path, tmp_path: Path) -> None:
    kitchen = shared_data / "rgbd_kitchen"
    for file in [kitchen / "camera-intrinsics.txt", *sorted(kitchen.glob("frame-*"))[: 3 * 7]]:
        (tmp_path / file.name).symlink_to(file)
    assert found(tmp_path) == []
    poses = sorted(tmp_path.glob("*.pose.txt"))
    turned = np.loadtxt(poses[3])
    turned[:3, 3] += [0.3, 0.0, 0.0]
    poses[3].unlink()
    np.savetxt(poses[3], turned)
    assert found(tmp_path) == [("reprojection", "error", poses[3].name)]
