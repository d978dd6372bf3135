import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ponder_data import ScanNetpp, ScanNetppConfig

from .indoor_files import write_json, write_png
from .scannetpp_scene import COORD, depth_of, shade, write_download


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_download(tmp_path)
    return tmp_path


def config(root: Path, **changes: object) -> ScanNetppConfig:
    return ScanNetppConfig.model_validate({"path": root, **changes})


def test_points_classes_instances_and_boxes(root: Path) -> None:
    scenes = ScanNetpp(config(root, views=0))
    assert scenes.class_names == ("floor", "table", "cup", "chair")
    scene = scenes[0]
    assert (scene.name, scene.dataset) == ("036bce3393", "scannetpp")
    np.testing.assert_allclose(scene.coord.numpy(), COORD, atol=1e-6)
    assert scene.semantic is not None
    assert scene.instance is not None
    # The cup stands on the desk: its vertices are of both, and the cup is smaller. 0 and 19 are anonymised.
    assert scene.semantic.tolist() == [-1] + [0] * 4 + [1] * 5 + [2] * 5 + [-1] * 5
    assert scene.instance.tolist() == [-1] + [10] * 4 + [1] * 5 + [4] * 5 + [-1] * 5
    boxes = scene.boxes
    assert boxes is not None
    assert (boxes.instance.tolist(), boxes.label.tolist()) == ([1, 4, 10], [1, 2, 0])
    np.testing.assert_allclose(boxes.size[0].numpy(), [2.0, 0.0, 0.0])
    test = ScanNetpp(config(root, views=0, split="sem_test"))
    assert (test.class_names, test[0].semantic, test[0].boxes) == ((), None, None)
    assert ScanNetpp(config(root, views=0, labels=False, split="all"))[0].semantic is None


def test_views_are_read_from_unpacked_frames_where_there_are_some(root: Path) -> None:
    phone = root / "data" / "036bce3393" / "iphone"
    for frame in (0, 10, 20, 30):  # 20 has no pose
        write_png(phone / "depth" / f"frame_{frame:06d}.png", depth_of(frame))
        path = phone / "rgb" / f"frame_{frame:06d}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(shade(frame)).save(path)
    scene = ScanNetpp(config(root))[0]
    assert [view.name for view in scene.views] == ["iphone 0", "iphone 10", "iphone 30"]
    np.testing.assert_allclose(scene.views[1].depth[10:].numpy(), 2.01, rtol=1e-6)
    (phone / "depth" / "frame_000010.png").unlink()
    with pytest.raises(ValueError, match="frame_000010.png: cannot be read as a picture"):
        ScanNetpp(config(root))[0]


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("data/036bce3393/scans/segments.json", '{"segIndices": [1]}', "holds segments of 1 vertices"),
        ("data/036bce3393/scans/segments_anno.json", '{"segGroups": [{}]}', "a group of segGroups lacks"),
        (
            "data/036bce3393/scans/mesh_aligned_0.05_mask.txt",
            "3 20",
            "holds something else than numbers of the 20",
        ),
        (
            "data/036bce3393/iphone/pose_intrinsic_imu.json",
            '{"frame_000001": {}}',
            "a frame lacks its aligned_pose",
        ),
        (
            "metadata/semantic_benchmark/map_benchmark.csv",
            "class,count\na,1\n",
            "has no column 'semantic_map_to'",
        ),
        ("splits/nvs_sem_train.txt", "", "lists no scene"),
    ],
)
def test_a_broken_scene_names_the_file(root: Path, file: str, content: str, says: str) -> None:
    (root / file).write_text(content)
    with pytest.raises(ValueError, match=f"{Path(file).name}: {says}"):
        ScanNetpp(config(root))[0]


def test_folders_that_are_none(root: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no data/<scene>/scans/mesh_aligned_0.05.ply"):
        ScanNetpp(config(root / "data"))
    with pytest.raises(
        ValueError, match="nvs_sem_val.txt: no such list of scenes; it comes with the download"
    ):
        ScanNetpp(config(root, split="nvs_sem_val"))
    records = json.loads((root / "data" / "036bce3393" / "iphone" / "pose_intrinsic_imu.json").read_text())
    for record in records.values():
        record["aligned_pose"] = np.zeros((4, 4)).tolist()
    write_json(root / "data" / "036bce3393" / "iphone" / "pose_intrinsic_imu.json", records)
    with pytest.raises(ValueError, match="none of its 40 frames has a pose; set views=0"):
        ScanNetpp(config(root))[0]
