import json
import zlib
from pathlib import Path

import av
import lz4.block
import numpy as np
import pytest
from PIL import Image
from ponder_data import ScanNetpp, ScanNetppConfig, project_to_view
from ponder_data.indoor.phone import DEPTH_SIZE, read_depth_frames, read_video_frames

from .indoor_files import grid_mesh, looking, rgb, write_json, write_ply, write_png, write_text

COORD, FACES = grid_mesh()
RGB = np.tile(np.array([[200, 100, 50]]), (len(COORD), 1))
SEGMENTS = np.repeat([70, 3, 12, 5], 5)
GROUPS = ((1, "office desk", [12, 3]), (4, "cup", [12]), (9, "REMOVE", [70]), (10, "floor", [70]))
WIDTH, HEIGHT = 128, 96
COUNT = 40
DOWN = looking([1.0, 0.75, 2.0], [0, 0, -1], [0, -1, 0])
INTRINSICS = np.array([[100.0, 0.0, 63.5], [0.0, 100.0, 47.5], [0.0, 0.0, 1.0]])
COLUMNS, ROWS = DEPTH_SIZE


def shade(frame: int) -> np.ndarray:
    """Return a flat picture that tells its number, of which a video keeps enough."""
    return np.full((HEIGHT, WIDTH, 3), 20 + 5 * frame, np.uint8)


def depth_of(frame: int) -> np.ndarray:
    depth = np.full((ROWS, COLUMNS), 2000 + frame, np.uint16)
    depth[:10] = 0
    return depth


def write_video(path: Path, count: int = COUNT) -> None:
    """Write a video with key frames every twelve frames, and frames that refer to later ones."""
    with av.open(str(path), "w") as video:
        stream = video.add_stream("mpeg4", rate=60, options={"bf": "2", "g": "12"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = 4_000_000
        for frame in range(count):
            video.mux(stream.encode(av.VideoFrame.from_ndarray(shade(frame), format="rgb24")))
        video.mux(stream.encode())


def deflated(values: np.ndarray) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(values.astype("<f4").tobytes()) + packer.flush()


def blocks(parts: list[bytes]) -> bytes:
    return b"".join(len(part).to_bytes(4, "little") + part for part in parts)


def lz4_blocks(count: int = COUNT) -> bytes:
    return blocks([lz4.block.compress(depth_of(i).tobytes(), store_size=False) for i in range(count)])


def write_scene(root: Path, name: str) -> Path:
    scans, phone = root / "data" / name / "scans", root / "data" / name / "iphone"
    write_ply(scans / "mesh_aligned_0.05.ply", COORD, FACES, vertex=rgb(RGB))
    write_json(scans / "segments.json", {"sceneId": name, "segIndices": SEGMENTS.tolist()})
    groups = [{"id": i, "objectId": i, "label": label, "segments": ids} for i, label, ids in GROUPS]
    write_json(scans / "segments_anno.json", {"segGroups": groups})
    write_text(scans / "mesh_aligned_0.05_mask.txt", "19 0")
    records = {
        f"frame_{i:06d}": {
            "timestamp": i / 60,
            "aligned_pose": DOWN.tolist(),
            "intrinsic": INTRINSICS.tolist(),
        }
        for i in range(COUNT)
    }
    records["frame_000020"]["aligned_pose"] = np.full((4, 4), np.nan).tolist()
    write_json(phone / "pose_intrinsic_imu.json", records)
    return phone


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "rgb.mkv"
    write_video(path)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_scene(tmp_path, "036bce3393")
    write_text(tmp_path / "splits" / "nvs_sem_train.txt", "036bce3393")
    write_text(tmp_path / "splits" / "sem_test.txt", "036bce3393")
    benchmark = tmp_path / "metadata" / "semantic_benchmark"
    write_text(benchmark / "top100.txt", "floor", "table", "cup", "chair")
    write_text(
        benchmark / "map_benchmark.csv", "class,count,instance_map_to,semantic_map_to", "office desk,9,,table"
    )
    with (benchmark / "map_benchmark.csv").open("a") as file:
        file.write('cup,5,,\nREMOVE,9,None,None\n"lamp, big",1,,chair\n')
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


def test_views_are_frames_of_the_phones_streams(root: Path, video: Path) -> None:
    phone = root / "data" / "036bce3393" / "iphone"
    (phone / "rgb.mkv").write_bytes(video.read_bytes())
    (phone / "depth.bin").write_bytes(lz4_blocks())
    scene = ScanNetpp(config(root, views=3))[0]
    # 39 frames have a pose; the middles of three thirds of them.
    assert [view.name for view in scene.views] == ["iphone 6", "iphone 19", "iphone 33"]
    for view, frame in zip(scene.views, (6, 19, 33), strict=True):
        assert (view.height, view.width) == (ROWS, COLUMNS)
        np.testing.assert_allclose(view.depth[10:].numpy(), 2 + frame / 1000, rtol=1e-6)
        assert np.abs(view.color.numpy() * 255 - shade(frame)[0, 0]).max() < 3
        np.testing.assert_allclose(view.intrinsics.numpy(), [[200, 0, 127.5], [0, 200, 95.5], [0, 0, 1]])
        np.testing.assert_allclose(project_to_view(scene.coord, view).z.numpy(), 2.0, atol=1e-5)


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


def test_every_frame_of_a_video_is_itself_in_any_order(video: Path) -> None:
    order = np.random.default_rng(0).permutation(COUNT).tolist()
    for frame, picture in zip(order, read_video_frames(video, order), strict=True):
        assert picture.shape == (HEIGHT, WIDTH, 3)
        assert abs(float(picture.mean()) - (20 + 5 * frame)) < 2.4  # half a step to the next
    with pytest.raises(ValueError, match="rgb.mkv: .*it has 40 frames, so none of number 40"):
        read_video_frames(video, [40])


@pytest.mark.parametrize("kind", ["lz4 blocks", "deflate blocks", "one stream"])
def test_depth_in_each_of_the_three_encodings(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "depth.bin"
    metres = np.stack([depth_of(i).astype(np.float32) / 1000 for i in range(5)])
    if kind == "one stream":
        path.write_bytes(deflated(metres))
    else:
        path.write_bytes(
            lz4_blocks(5) if kind == "lz4 blocks" else blocks([deflated(image) for image in metres])
        )
    for frame, depth in zip((4, 0, 2), read_depth_frames(path, (4, 0, 2)), strict=True):
        np.testing.assert_allclose(depth, metres[frame], rtol=1e-6)
    with pytest.raises(ValueError, match="depth.bin: has 5 (whole )?frames of depth, so none of number 7"):
        read_depth_frames(path, (1, 7))


def test_broken_streams_name_the_file(tmp_path: Path, video: Path) -> None:
    path = tmp_path / "depth.bin"
    with pytest.raises(ValueError, match="depth.bin: cannot be read"):
        read_depth_frames(path, (0,))
    path.write_bytes(lz4_blocks(3)[:-5])
    assert len(read_depth_frames(path, (0, 1))) == 2
    with pytest.raises(ValueError, match="has 2 whole frames of depth, so none of number 2"):
        read_depth_frames(path, (2,))
    path.write_bytes(blocks([b"hello world"]))
    with pytest.raises(ValueError, match="depth.bin: frame 0 of depth is broken"):
        read_depth_frames(path, (0,))
    path.write_bytes(b"\xff" * 100)
    with pytest.raises(ValueError, match="depth.bin: is neither blocks nor a stream of depth"):
        read_depth_frames(path, (0,))
    broken = tmp_path / "rgb.mkv"
    with pytest.raises(ValueError, match="rgb.mkv: no such file"):
        read_video_frames(broken, (0,))
    broken.write_bytes(b"no video at all")
    with pytest.raises(ValueError, match="rgb.mkv: cannot be read as a video"):
        read_video_frames(broken, (0,))


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch, video: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"needs av, .*pip install 'ponder-data\[scenes\]'"):
        read_video_frames(video, [0])


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
