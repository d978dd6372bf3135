import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from ponder_data import ScanNet, ScanNetConfig, project_to_view
from ponder_data.labels import SCANNET20, SCANNET200

from .indoor_files import (
    smooth_color,
    write_json,
    write_text,
)
from .scannet_download import COORD, DOWN, POINTS, RGB, TURN, write_download


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_download(tmp_path)
    return tmp_path


def config(root: Path, **changes: object) -> ScanNetConfig:
    return ScanNetConfig.model_validate({"path": root, **changes})


def test_points_classes_instances_and_boxes(root: Path) -> None:
    scans = ScanNet(config(root, views=0))
    assert (len(scans), scans.class_names, scans.scenes) == (1, SCANNET20.names, ("scene0000_00",))
    scene = scans[0]
    assert (scene.name, scene.dataset, scene.views) == ("scene0000_00", "scannet", ())
    expected = COORD @ TURN[:3, :3].T + TURN[:3, 3]
    np.testing.assert_allclose(scene.coord.numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(scene.color.numpy(), RGB / 255, atol=1e-6)
    np.testing.assert_allclose(scene.normal.numpy(), np.tile([0.0, 0.0, 1.0], (POINTS, 1)), atol=1e-6)
    assert scene.semantic is not None
    assert scene.instance is not None
    assert scene.boxes is not None
    # NYU40: 2 floor, 5 chair, 39 otherfurniture; 13 (blinds) and 0 are none of the twenty.
    assert scene.semantic.tolist() == [1] * 6 + [4] * 5 + [19] * 4 + [-1] * 5
    assert scene.instance.tolist() == [0] * 6 + [3] * 9 + [-1] * 5
    assert (scene.boxes.label.tolist(), scene.boxes.instance.tolist()) == ([1, 4], [0, 3])
    for box, rows in enumerate((slice(0, 6), slice(6, 15))):
        low, high = expected[rows].min(axis=0), expected[rows].max(axis=0)
        np.testing.assert_allclose(scene.boxes.center[box], (low + high) / 2, atol=1e-6)
        np.testing.assert_allclose(scene.boxes.size[box], high - low, atol=1e-6)
    assert scene.boxes.heading.tolist() == [0.0, 0.0]


def test_two_hundred_classes_by_the_table_of_categories(root: Path) -> None:
    scans = ScanNet(config(root, views=0, labels="scannet200"))
    scene = scans[0]
    assert scans.class_names == SCANNET200.names
    assert scene.semantic is not None
    assert scene.boxes is not None
    floor, chair = SCANNET200.names.index("floor"), SCANNET200.names.index("office chair")
    assert scene.semantic.tolist() == [floor] * 6 + [chair] * 9 + [-1] * 5
    assert scene.boxes.label.tolist() == [floor, chair]
    (root / "scannetv2-labels.combined.tsv").unlink()
    with pytest.raises(ValueError, match="scannetv2-labels.combined.tsv: cannot be read"):
        ScanNet(config(root, labels="scannet200"))


def test_views_are_frames_with_a_pose_and_see_the_points(root: Path) -> None:
    scene = ScanNet(config(root))[0]
    assert [view.name for view in scene.views] == ["frame 0", "frame 2", "frame 3"]
    assert [view.name for view in ScanNet(config(root, views=1))[0].views] == ["frame 2"]
    view = scene.views[0]
    assert (view.height, view.width, view.source) == (18, 24, "camera")
    np.testing.assert_allclose(view.depth.numpy(), 2.0)
    # The floor, turned with the scene, lies where the turned camera's depth says.
    seen = project_to_view(scene.coord, view)
    np.testing.assert_allclose(seen.z.numpy(), 2.0, atol=1e-5)
    place = int(np.flatnonzero((COORD[:, 0] == 1.0) & (COORD[:, 1] == 0.5))[0])
    np.testing.assert_allclose(seen.pixel[place].numpy(), [11.5, 8.5 + 30 * 0.25 / 2], atol=1e-4)
    # Colour at a pixel of depth is that of the colour camera's same ray, here two of its pixels wide.
    truth = smooth_color(36, 48).astype(np.float32).reshape(18, 2, 24, 2, 3).mean(axis=(1, 3))
    assert np.abs(view.color.numpy() * 255 - truth).max() < 4


def test_views_can_be_resized_and_turned_off_with_the_alignment(root: Path) -> None:
    view = ScanNet(config(root, image_width=12, axis_aligned=False, depth_range=(0.1, 2.05)))[0].views[0]
    assert (view.height, view.width) == (9, 12)
    np.testing.assert_allclose(view.intrinsics.numpy(), [[15, 0, 5.5], [0, 15, 4], [0, 0, 1]], atol=1e-5)
    np.testing.assert_allclose(view.camera_to_world.numpy(), DOWN, atol=1e-6)
    far = ScanNet(config(root, depth_range=(0.1, 2.05)))[0].views[1]
    assert far.depth.abs().max() == 0


def write_label_pictures(root: Path) -> Path:
    """Write the archives of label pictures: left, raw category 10 of object 3; right, an unknown one of none."""
    scan = root / "scans" / "scene0000_00"
    left = np.arange(48) < 24
    pictures = {
        "label": np.tile(np.where(left, 10, 9000), (36, 1)).astype(np.uint16),
        "instance": np.tile(np.where(left, 4, 0), (36, 1)).astype(np.uint8),
    }
    for kind, picture in pictures.items():
        with zipfile.ZipFile(scan / f"scene0000_00_2d-{kind}-filt.zip", "w") as archive:
            for frame in (0, 2, 3):
                stream = io.BytesIO()
                Image.fromarray(picture).save(stream, format="PNG")
                archive.writestr(f"{kind}-filt/{frame}.png", stream.getvalue())
    return scan


@pytest.mark.parametrize(("labels", "chair"), [("scannet20", "chair"), ("scannet200", "office chair")])
def test_views_have_the_labels_of_the_archives(root: Path, labels: str, chair: str) -> None:
    scan = write_label_pictures(root)
    scans = ScanNet(config(root, labels=labels, picture_labels=True))
    view = scans[0].views[1]
    assert view.semantic is not None
    assert view.instance is not None
    row = [scans.class_names.index(chair)] * 12 + [-1] * 12
    assert view.semantic.tolist() == [row] * 18
    assert view.instance.tolist() == [[3] * 12 + [-1] * 12] * 18
    assert ScanNet(config(root, labels=labels))[0].views[1].semantic is None
    path = scan / "scene0000_00_2d-label-filt.zip"
    cut(path)
    with pytest.raises(ValueError, match="2d-label-filt.zip: cannot be read"):
        scans[0]


def test_splits(root: Path) -> None:
    assert ScanNet(config(root, split="val")).scenes == ("scene0011_00",)
    test = ScanNet(config(root, split="test", views=0))[0]
    assert (test.semantic, test.instance, test.boxes) == (None, None, None)
    np.testing.assert_allclose(test.coord.numpy(), COORD, atol=1e-6)
    everything = ScanNet(config(root, split="all", views=0))
    assert everything.scenes == ("scene0000_00", "scene0011_00", "scene0707_00")
    assert [scene.semantic is None for scene in everything] == [False, False, True]
    write_text(root / "mine.txt", "scene0011_00", "scene9999_00")
    with pytest.warns(UserWarning, match=r"1 of the 2 scenes of the split 'train' are not there"):
        assert ScanNet(config(root, split_file=root / "mine.txt")).scenes == ("scene0011_00",)
    with pytest.raises(ValueError, match=r"scannetv2_tiny.txt: no such list of scenes; copy it from Tasks"):
        ScanNet(config(root, split="tiny"))
    write_text(root / "scannetv2_train.txt", "scene8888_00")
    with pytest.raises(ValueError, match=r"holds none of the 1 scenes of the split 'train' \(scene8888_00"):
        ScanNet(config(root))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def shorter(path: Path) -> None:
    write_json(path, {"segIndices": [1, 2]})


def doubled(path: Path) -> None:
    group = {"objectId": 1, "label": "a", "segments": []}
    write_json(path, {"segGroups": [group, group]})


def skewed(path: Path) -> None:
    write_text(path, "axisAlignment = " + "2 " * 16)


@pytest.mark.parametrize(
    ("ending", "damage", "says"),
    [
        ("_vh_clean_2.ply", Path.unlink, "no such file"),
        ("_vh_clean_2.ply", cut, "cannot be read, perhaps cut off"),
        ("_vh_clean_2.labels.ply", Path.unlink, "no such file; download it, or set labels=None"),
        ("_vh_clean_2.0.010000.segs.json", cut, "is no whole JSON file"),
        ("_vh_clean_2.0.010000.segs.json", shorter, "holds segments of 2 vertices, but the mesh has 20"),
        (".aggregation.json", Path.unlink, "no such file; download it, or set labels=None"),
        (".aggregation.json", doubled, "have the same objectId"),
        (".aggregation.json", shorter, "a group of segGroups lacks"),
        (".txt", Path.unlink, "no such file; download it, or set axis_aligned=False"),
        (".txt", skewed, "axisAlignment is no rigid motion"),
        (".sens", Path.unlink, "no such file; download it, or set views=0"),
        (".sens", cut_in_half, "is cut off in frame 1 of 4"),
    ],
)
def test_a_broken_scan_names_the_file(
    root: Path, ending: str, damage: Callable[[Path], None], says: str
) -> None:
    scans = ScanNet(config(root))
    damage(root / "scans" / "scene0000_00" / f"scene0000_00{ending}")
    with pytest.raises(ValueError, match=f"scene0000_00{ending}: .*{says}"):
        scans[0]


def test_a_folder_that_is_no_scannet_and_a_missing_scan(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(ValueError, match="ScanNetConfig.path is not set"):
        ScanNet(ScanNetConfig())
    with pytest.raises(ValueError, match=r"holds no scans/scene\*"):
        ScanNet(config(tmp_path_factory.mktemp("empty")))
    with pytest.raises(IndexError, match="scan 1 of 1"):
        ScanNet(config(root))[1]
    assert torch.equal(ScanNet(config(root))[0].coord, ScanNet(config(root))[0].coord)
