"""Downloads of indoor datasets as folders: told by looking, with their files and splits."""

from pathlib import Path

import pytest
from ponder_data import (
    ScanNet,
    ScanNetConfig,
    ScanNetRoomsConfig,
    WrittenRooms,
    detect_layout,
    open_dataset,
    write_scannet_rooms,
)
from ponder_data.checks.folder import check_folder
from ponder_data.reading import ReadingOptions, open_folder
from ponder_data.scene_files import files_of
from ponder_data.scene_splits import splits_of

from . import (
    arkitscenes_download,
    matterport3d_download,
    s3dis_download,
    scannet_download,
    structured3d_download,
)
from .scannetpp_scene import write_download as write_scannetpp


@pytest.fixture
def scannet(tmp_path: Path) -> Path:
    scannet_download.write_download(tmp_path)
    return tmp_path


@pytest.fixture
def scannetpp(tmp_path: Path) -> Path:
    write_scannetpp(tmp_path)
    return tmp_path


@pytest.fixture
def s3dis(tmp_path: Path) -> Path:
    s3dis_download.write_download(tmp_path)
    return tmp_path


@pytest.fixture
def structured3d(tmp_path: Path) -> Path:
    structured3d_download.write_download(tmp_path)
    return tmp_path


@pytest.fixture
def arkitscenes(tmp_path: Path) -> Path:
    arkitscenes_download.write_download(tmp_path)
    return tmp_path


@pytest.fixture
def matterport3d(tmp_path: Path) -> Path:
    matterport3d_download.write_download(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> WrittenRooms:
    config = ScanNetRoomsConfig(train=1, val=1, frames=4, image_width=80, image_height=60, voxel=0.05)
    return write_scannet_rooms(config, tmp_path_factory.mktemp("scannet") / "rooms")


@pytest.mark.parametrize(
    ("name", "splits"),
    [
        ("scannet", {"train", "val", "test"}),
        ("scannetpp", {"train", "test"}),
        ("s3dis", {"train", "val", "Area_1", "Area_2", "Area_3", "Area_4", "Area_5", "Area_6"}),
        ("structured3d", {"train", "val"}),
        ("arkitscenes", {"train", "val"}),
        ("matterport3d", {"train", "val"}),
    ],
)
def test_a_download_is_told_with_all_its_scenes_files_and_splits(
    request: pytest.FixtureRequest, name: str, splits: set[str]
) -> None:
    root: Path = request.getfixturevalue(name)
    assert detect_layout(root).name == name
    scenes = open_dataset(root)
    assert scenes.name == name
    found: set[str] = set()
    for index in range(len(scenes)):
        files = files_of(scenes, index)
        assert files.every()
        assert all(file.is_relative_to(root) for file in files.every())
        assert files.cloud == () or files.cloud[0].is_file()
        found |= set(splits_of(scenes, index))
        scene = scenes[index]
        for view in scene.views:
            told = files.view(view.name)
            assert told.depth is not None
            assert told.depth.is_file(), "what is wrong with a picture can be said of its file"
    assert found == splits


def test_a_folder_of_areas_that_are_there_is_enough(tmp_path: Path, s3dis: Path) -> None:
    for area in (1, 2, 3, 4, 6):
        (s3dis / f"Area_{area}").rename(tmp_path / f"elsewhere_{area}")
    assert {splits_of(open_dataset(s3dis), index)[0] for index in range(2)} == {"val"}


def test_synthetic_rooms_are_read_back_checked_and_say_that_they_are_synthetic(rooms: WrittenRooms) -> None:
    folder = open_folder(rooms.path, ReadingOptions(image_width=40, frames_per_scene=3))
    assert (folder.layout, len(folder.scenes)) == ("scannet", 2)
    assert [splits_of(folder.scenes, index) for index in range(2)] == [("train",), ("val",)]
    views = folder.scenes[0].views
    assert [(view.width, view.source) for view in views] == [(40, "synthetic")] * 3
    report = check_folder(rooms.path)
    assert (report.examined, report.errors, report.findings) == (2, 0, ())


def test_frames_are_held_out_evenly_and_never_all(rooms: WrittenRooms) -> None:
    def names(views: int, held_out: int) -> tuple[list[str], list[str]]:
        config = ScanNetConfig(path=rooms.path, views=views, held_out_views=held_out)
        scene = ScanNet(config)[0]
        return [view.name for view in scene.views], [view.name for view in scene.held_out_views]

    assert names(3, 1) == (["frame 0", "frame 1", "frame 3"], ["frame 2"])
    assert names(1, 9) == (["frame 1"], ["frame 0", "frame 2", "frame 3"])
    assert names(0, 0) == ([], [])


def test_a_broken_recording_is_found_in_its_file(rooms: WrittenRooms, tmp_path: Path) -> None:
    written = write_scannet_rooms(
        ScanNetRoomsConfig(train=1, val=0, frames=2, image_width=40, image_height=30, voxel=0.1),
        tmp_path / "r",
    )
    recording = next(written.path.glob("scans/*/*.sens"))
    recording.write_bytes(recording.read_bytes()[:-3000])
    report = check_folder(written.path)
    assert report.errors == 1
    assert report.findings[0].file == recording
