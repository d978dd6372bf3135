import shutil
from pathlib import Path

import numpy as np
import pytest
from ponder_data import LAYOUTS, JoinedScenes, Scenes, detect_layout, open_dataset

from .nuscenes_tables import build_tables
from .rgbd_room_folder import Folder


def write_scan(path: Path, points: int = 9) -> None:
    generator = np.random.default_rng(points)
    np.savez(path, coord=generator.random((points, 3)), color=generator.random((points, 3)))


def test_a_folder_of_frames_is_told_and_opened(folder: Folder) -> None:
    folder.write_many(3)
    assert detect_layout(folder.path).name == "rgbd"
    scenes = open_dataset(folder.path)
    assert isinstance(scenes, Scenes)
    assert (len(scenes), len(scenes[0].views)) == (1, 3)


def test_nuscenes_tables_are_told_and_all_their_scenes_opened(tmp_path: Path) -> None:
    tables = build_tables(tmp_path)
    tables.write()
    assert detect_layout(tmp_path).name == "nuscenes"
    assert len(open_dataset(tmp_path)) == len(tables.rows["sample"])


def test_subfolders_of_one_layout_are_joined(folder: Folder, tmp_path: Path) -> None:
    folder.write_many(3)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for file in tmp_path.glob("*.*"):
            shutil.copy(file, tmp_path / name)
    for file in tmp_path.glob("*.*"):
        file.unlink()
    scenes = open_dataset(tmp_path)
    assert isinstance(scenes, JoinedScenes)
    assert [scenes[i].name.split("/")[0] for i in range(len(scenes))] == ["a", "b"]
    with pytest.raises(IndexError, match="scene 2 of 2"):
        scenes[2]


def test_a_folder_of_scans_is_told_and_opened(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    write_scan(tmp_path / "a.npz", 9)
    write_scan(tmp_path / "deep" / "er" / "b.npz", 12)
    assert detect_layout(tmp_path).name == "scans"
    scenes = open_dataset(tmp_path)
    assert [len(scenes[i]) for i in range(len(scenes))] == [9, 12]


def test_unknown_folders_are_refused_with_all_that_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere: no such folder"):
        detect_layout(tmp_path / "nowhere")
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(ValueError, match="in a layout that is known") as caught:
        open_dataset(tmp_path)
    assert all(layout.looked_for in str(caught.value) for layout in LAYOUTS)
    with pytest.raises(ValueError, match=r"is no nuScenes data set; looked for v1\.0-"):
        next(layout for layout in LAYOUTS if layout.name == "nuscenes").open(tmp_path)


@pytest.mark.parametrize(
    ("name", "layout", "scenes"),
    [
        ("rgbd_kitchen", "rgbd", 1),
        ("dtu_scan24", "multi-view", 1),
        ("meshes", "scans", 4),
        ("nuscenes_mini", "nuscenes", 1),
        ("nuscenes_lidarseg", "lidarseg", 20),
        ("scannet_scans", "scans", 13),
    ],
)
def test_real_folders_are_told(shared_data: Path, name: str, layout: str, scenes: int) -> None:
    assert detect_layout(shared_data / name).name == layout
    assert len(open_dataset(shared_data / name)) == scenes
