import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from ponder_data import RgbdSequence, RgbdSequenceConfig
from pydantic import ValidationError

from .rgbd_room_folder import HEIGHT, WIDTH, Folder, camera_pose, names


def broken_pose(
    rotation: object = None, value: float | None = None, bottom: float | None = None
) -> np.ndarray:
    pose = camera_pose(0.3)
    if value is not None:
        pose[1, 3] = value
    if bottom is not None:
        pose[3, 0] = bottom
    if rotation is not None:
        pose[:3, :3] = pose[:3, :3] @ np.diag(np.asarray(rotation, dtype=float))
    return pose


@pytest.mark.parametrize(
    "pose",
    [
        pytest.param(broken_pose(value=np.nan), id="NaN"),
        pytest.param(broken_pose(value=-np.inf), id="infinite"),
        pytest.param(broken_pose(bottom=0.1), id="bottom row"),
        pytest.param(broken_pose(rotation=[1, 1, 1.1]), id="scaled"),
        pytest.param(broken_pose(rotation=[1, 1, -1]), id="mirrored"),
        pytest.param(np.zeros((4, 4)), id="zeros"),
        pytest.param(np.eye(3), id="3x3"),
    ],
)
def test_bad_poses_are_dropped_with_a_warning(folder: Folder, pose: np.ndarray) -> None:
    folder.write_many(6)
    np.savetxt(folder.file(2, "pose.txt"), pose)
    with pytest.warns(UserWarning, match=r"dropped 1 of 6 frames: 1 with bad pose"):
        scenes = folder.open(held_out_every=0, up="z")
    assert names(scenes[0])[0] == [0, 1, 3, 4, 5]


def test_poses_of_few_digits_become_exact_rotations(folder: Folder) -> None:
    folder.write_many(3)
    np.savetxt(folder.file(1, "pose.txt"), camera_pose(0.3), fmt="%.3f")
    view = folder.open(held_out_every=0, up="z")[0].views[1]
    rotation = view.camera_to_world[:3, :3].double()
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(3).double(), atol=1e-6, rtol=0)


def cut_off(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def shrink(path: Path) -> None:
    Image.open(path).resize((WIDTH // 2, HEIGHT // 2), Image.Resampling.NEAREST).save(path)


def grey(path: Path) -> None:
    Image.new("L", (WIDTH, HEIGHT)).save(path)


@pytest.mark.parametrize(
    ("kind", "damage", "reason"),
    [
        ("color.png", cut_off, "picture unreadable or cut off"),
        ("depth.png", cut_off, "picture unreadable or cut off"),
        ("color.png", empty, "picture unreadable or cut off"),
        ("depth.png", grey, "picture unreadable or cut off"),
        ("pose.txt", empty, "bad pose"),
        ("color.png", shrink, "colour and depth of different size"),
        ("color.png", Path.unlink, "colour, depth or pose file absent"),
        ("pose.txt", Path.unlink, "colour, depth or pose file absent"),
    ],
)
def test_damaged_frames_are_dropped_with_a_warning(
    folder: Folder, kind: str, damage: Callable[[Path], None], reason: str
) -> None:
    folder.write_many(5)
    damage(folder.file(3, kind))
    with pytest.warns(UserWarning, match=f"dropped 1 of 5 frames: 1 with {reason}"):
        scenes = folder.open(held_out_every=0, up="z")
    assert names(scenes[0])[0] == [0, 1, 2, 4]


def test_one_warning_counts_all_reasons(folder: Folder) -> None:
    folder.write_many(9)
    for number in (1, 2, 3):
        np.savetxt(folder.file(number, "pose.txt"), np.full((4, 4), np.nan))
    cut_off(folder.file(5, "color.png"))
    for kind in ("color.png", "depth.png"):
        shrink(folder.file(7, kind))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        folder.open(up="z")
    assert len(caught) == 1
    text = str(caught[0].message)
    for part in (
        "dropped 5 of 9",
        "3 with bad pose",
        "1 with picture unreadable",
        "1 with another size than 64x48",
    ):
        assert part in text


def test_bytes_after_the_end_of_a_picture_do_no_harm(folder: Folder) -> None:
    folder.write_many(2)
    path = folder.file(1, "color.png")
    path.write_bytes(path.read_bytes() + b"\0" * 100)
    assert len(folder.open(held_out_every=0, up="z")[0].views) == 2


def test_damage_inside_a_file_is_an_error_that_names_it(folder: Folder) -> None:
    folder.write_many(2)
    path = folder.file(1, "color.png")
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    path.write_bytes(bytes(whole))
    scenes = folder.open(held_out_every=0, up="z")
    with pytest.raises(ValueError, match=r"frame-000001\.color\.png: cannot be read as a picture"):
        scenes[0]


def test_a_folder_without_usable_frames_is_refused(folder: Folder) -> None:
    folder.write_many(2)
    for number in (0, 1):
        np.savetxt(folder.file(number, "pose.txt"), np.zeros((4, 4)))
    with pytest.raises(ValueError, match=r"none of 2 frames is usable: 2 with bad pose"):
        folder.open()


def test_depth_that_is_all_missing_is_refused(folder: Folder) -> None:
    folder.write_many(3)
    for number, value in enumerate((0, 65535, 9000)):
        Image.fromarray(np.full((HEIGHT, WIDTH), value, dtype=np.uint16)).save(
            folder.file(number, "depth.png")
        )
    with pytest.raises(ValueError, match=r"depth is all missing in all 3 frames .*check depth_scale"):
        folder.open()


def test_folders_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="path is not set"):
        RgbdSequence(RgbdSequenceConfig())
    with pytest.raises(ValueError, match=r"nowhere: no such folder"):
        RgbdSequence(RgbdSequenceConfig(path=tmp_path / "nowhere"))
    with pytest.raises(ValueError, match=r"holds no frame-NNNNNN\.depth\.png"):
        RgbdSequence(RgbdSequenceConfig(path=tmp_path))


@pytest.mark.parametrize("text", ["", "1 2 3", "0 0 1 0 1 1 0 0 1", "a b c", "nan 0 1 0 1 1 0 0 1"])
def test_bad_intrinsics_are_refused(folder: Folder, text: str) -> None:
    folder.write_many(1)
    (folder.path / "camera-intrinsics.txt").write_text(text)
    with pytest.raises(ValueError, match=r"camera-intrinsics\.txt: "):
        folder.open()


def test_missing_intrinsics_are_refused(folder: Folder) -> None:
    folder.write_many(1)
    (folder.path / "camera-intrinsics.txt").unlink()
    with pytest.raises(ValueError, match=r"camera-intrinsics\.txt: cannot be read"):
        folder.open()


@pytest.mark.parametrize(
    "settings",
    [{"depth_range": (2.0, 1.0)}, {"held_out_every": 1}, {"frames_per_scene": 0}, {"voxel": 0}, {"strid": 2}],
)
def test_bad_settings_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RgbdSequenceConfig.model_validate(settings)
