from pathlib import Path

import numpy as np
import pytest
import torch
from ponder_data import S3dis, S3disConfig
from ponder_data.datasets.s3dis import room_normals
from ponder_data.indoor.files import read_numbers

from .indoor_files import write_text
from .s3dis_download import TABLE, write_download


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_download(tmp_path)
    return tmp_path


def config(root: Path, **changes: object) -> S3disConfig:
    return S3disConfig.model_validate({"path": root, **changes})


def test_a_room_is_its_objects(root: Path) -> None:
    rooms = S3dis(config(root, fold=2, split="val"))
    assert len(rooms) == 1
    scene = rooms[0]
    assert (scene.name, scene.dataset, scene.class_names[0]) == ("Area_2/office_1", "s3dis", "ceiling")
    np.testing.assert_allclose(scene.coord.numpy(), TABLE[:, :3])
    np.testing.assert_allclose(scene.color.numpy(), TABLE[:, 3:] / 255, atol=1e-7)
    np.testing.assert_allclose(scene.normal.norm(dim=1).numpy(), 1.0, atol=1e-5)
    assert scene.semantic is not None
    assert scene.instance is not None
    assert scene.boxes is not None
    # By class, then by number, not by text: chair_2 before chair_10. Stairs are clutter.
    assert scene.semantic.tolist() == [0] * 3 + [8] * 5 + [12]
    assert scene.instance.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 3]
    assert scene.boxes.label.tolist() == [0, 8, 8, 12]
    np.testing.assert_allclose(scene.boxes.center[1].numpy(), [1.25, 2.5, 0.25])
    np.testing.assert_allclose(scene.boxes.size[1].numpy(), [0.5, 1.0, 0.5])
    assert S3dis(config(root, normal_neighbours=0))[0].normal.abs().max() == 0


def test_normals_are_those_of_walls_and_floor_and_face_the_room() -> None:
    random = np.random.default_rng(0)
    side = random.integers(0, 3, 4000)
    coord = random.random((4000, 3)) * 2.0
    coord[np.arange(4000), side] = 0.0
    normal = room_normals(torch.from_numpy(coord.astype(np.float32)), 12).numpy()
    away = np.sort(coord, axis=1)[:, 1] > 0.2  # from the edges between two of the three sides
    expected = np.eye(3)[side]
    assert ((normal * expected).sum(axis=1)[away] > 0.999).all()


def test_each_fold_tests_on_its_area_and_trains_on_the_others(root: Path) -> None:
    for fold in range(1, 7):
        train, val = (S3dis(config(root, fold=fold, split=split)).rooms for split in ("train", "val"))
        assert {room.parent.name for room in val} == {f"Area_{fold}"}
        assert {room.parent.name for room in train} == {f"Area_{i}" for i in range(1, 7) if i != fold}
        assert sorted(train + val) == sorted(S3dis(config(root, split="all")).rooms)
    assert [room.name for room in S3dis(config(root, split="val")).rooms] == ["hallway_3", "office_1"]


def test_rooms_are_turned_back_about_their_middle(root: Path) -> None:
    scene = S3dis(config(root, fold=1, split="val", axis_aligned=True))[0]
    # 90 degrees clockwise about (2.5, 2): east becomes south.
    x, y = TABLE[:, 0] - 2.5, TABLE[:, 1] - 2.0
    expected = np.stack([2.5 + y, 2.0 - x, TABLE[:, 2]], axis=1)
    np.testing.assert_allclose(scene.coord.numpy(), expected, atol=1e-6)
    assert scene.boxes is not None
    np.testing.assert_allclose(scene.boxes.size[1].numpy(), [1.0, 0.5, 0.5], atol=1e-6)
    write_text(root / "Area_1" / "Area_1_alignmentAngle.txt", "lobby_1 0")
    with pytest.raises(ValueError, match=r"Area_1_alignmentAngle.txt: has no angle for office_1"):
        S3dis(config(root, fold=1, split="val", axis_aligned=True))[0]


def test_the_known_flaws_of_the_release_are_harmless(root: Path) -> None:
    annotations = root / "Area_5" / "office_1" / "Annotations"
    # A zero byte between two numbers (Area_5/hallway_6/ceiling_1), and a copy of a file (office_36/wall_3).
    (annotations / "ceiling_1.txt").write_bytes(b"22.350 6.692 3.048 185\x00187 182\n1 1 1 1 1 1\n")
    (annotations / "ceiling_1 (1).txt").write_text("22.350 6.692 3.048 0 0 0\n")
    table = read_numbers(annotations / "ceiling_1.txt", columns=6)
    assert table.tolist() == [[22.35, 6.692, 3.048, 185, 187, 182], [1, 1, 1, 1, 1, 1]]
    assert len(S3dis(config(root, split="val"))[1]) == 8


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("1 2 3 4 5 6\n1 2 3 4 5\n", "holds something else than rows of 6 numbers"),
        ("1 2 3 4 5\n", "has 5 numbers in a row; expected 6"),
        ("1 2 3 4 five 6\n", "holds something else than rows of 6 numbers"),
        ("nan 2 3 4 5 6\n", "holds coordinates that are not finite or colours outside 0 to 255"),
        ("1 2 3 4 5 256\n", "holds coordinates that are not finite or colours outside 0 to 255"),
    ],
)
def test_a_broken_object_names_the_file(root: Path, content: str, says: str) -> None:
    (root / "Area_1" / "office_1" / "Annotations" / "chair_2.txt").write_text(content)
    with pytest.raises(ValueError, match=f"chair_2.txt: {says}"):
        S3dis(config(root))[0]


def test_a_folder_without_the_areas(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(ValueError, match="S3disConfig.path is not set"):
        S3dis(S3disConfig())
    with pytest.raises(ValueError, match=r"Area_1: holds no room with Annotations/"):
        S3dis(config(tmp_path_factory.mktemp("empty")))
    for path in (root / "Area_3" / "office_1" / "Annotations").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match=r"Annotations: holds no <class>_<number>.txt"):
        S3dis(config(root, fold=3, split="val"))[0]
