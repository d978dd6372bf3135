from pathlib import Path

import numpy as np
import pytest
from ponder_data import ArkitScenes, ArkitScenesConfig, project_to_view
from ponder_data.labels import ARKITSCENES

from .arkitscenes_download import COORD, DOWN, RGB, TIMES, write_download, write_video
from .indoor_files import smooth_color


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_download(tmp_path)
    return tmp_path


def config(root: Path, **changes: object) -> ArkitScenesConfig:
    return ArkitScenesConfig.model_validate({"path": root, **changes})


def test_points_and_boxes(root: Path) -> None:
    scene = ArkitScenes(config(root, views=0))[0]
    assert (scene.name, scene.dataset, scene.semantic) == ("40753679", "arkitscenes", None)
    np.testing.assert_allclose(scene.coord.numpy(), COORD, atol=1e-6)
    np.testing.assert_allclose(scene.color.numpy(), RGB / 255, atol=1e-6)
    np.testing.assert_allclose(scene.normal.numpy(), np.tile([0.0, 0.0, 1.0], (len(COORD), 1)), atol=1e-6)
    boxes = scene.boxes
    assert boxes is not None
    assert [ARKITSCENES.names[label] for label in boxes.label.tolist()] == ["tv_monitor", "sofa"]
    assert boxes.instance.tolist() == [0, 2]
    np.testing.assert_allclose(boxes.heading.numpy(), [0.5, -2.0], atol=1e-6)
    np.testing.assert_allclose(boxes.size.numpy(), [[0.5, 1.5, 1.0]] * 2)
    np.testing.assert_allclose(boxes.center.numpy(), [[1, 2, 3]] * 2)


@pytest.mark.parametrize("nested", [True, False])
def test_views_are_frames_with_a_pose_and_see_the_points(tmp_path: Path, nested: bool) -> None:
    write_video(tmp_path / "raw" / "Training" / "42", nested)
    scene = ArkitScenes(config(tmp_path))[0]
    assert [view.name for view in scene.views] == [f"42_{time}" for time in TIMES if time != TIMES[2]]
    for view in scene.views:
        np.testing.assert_allclose(view.camera_to_world.numpy(), DOWN, atol=1e-6)
        np.testing.assert_allclose(project_to_view(scene.coord, view).z.numpy(), 2.0, atol=1e-5)
        np.testing.assert_allclose(view.depth.numpy(), 2.0)
    np.testing.assert_array_equal((scene.views[1].color.numpy() * 255).round(), smooth_color(18, 24, 10))
    assert [view.name for view in ArkitScenes(config(tmp_path, views=1))[0].views] == [f"42_{TIMES[1]}"]


def test_splits_are_the_folders(root: Path) -> None:
    assert [path.name for path in ArkitScenes(config(root, split="val")).videos] == ["41048190"]
    assert len(ArkitScenes(config(root, split="all"))) == 2
    with pytest.raises(ValueError, match=r"holds no Training/<video>/<video>_3dod_mesh.ply"):
        ArkitScenes(config(root / "3dod" / "Training"))
    with pytest.raises(IndexError, match="video 1 of 1"):
        ArkitScenes(config(root))[1]


def absent(path: Path) -> None:
    path.unlink()


def halved(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("file", "damage", "says"),
    [
        ("V_3dod_mesh.ply", halved, "V_3dod_mesh.ply: cannot be read, perhaps cut off"),
        ("V_3dod_annotation.json", absent, "V_3dod_annotation.json: cannot be read"),
        ("V_3dod_annotation.json", halved, "V_3dod_annotation.json: is no whole JSON file"),
        ("V_frames/lowres_wide.traj", absent, "lowres_wide.traj: no such file; download it, or set views=0"),
        ("V_frames/lowres_wide.traj", halved, "lowres_wide.traj: holds something else than rows of 7"),
        (
            "V_frames/lowres_depth/V_6845.706.png",
            halved,
            "lowres_depth/V_6845.706.png: cannot be read as a picture",
        ),
        (
            "V_frames/lowres_wide/V_6845.706.png",
            absent,
            "lowres_wide: has no file within 0.005 s of 6845.706",
        ),
        (
            "V_frames/lowres_wide_intrinsics/V_6845.705.pincam",
            halved,
            "V_6845.705.pincam: has 4 numbers in a row",
        ),
    ],
)
def test_a_broken_video_names_the_file(tmp_path: Path, file: str, damage: object, says: str) -> None:
    write_video(tmp_path / "Training" / "V", nested=True)
    scenes = ArkitScenes(config(tmp_path))
    assert callable(damage)
    damage(tmp_path / "Training" / "V" / file)
    with pytest.raises(ValueError, match=says):
        scenes[0]
