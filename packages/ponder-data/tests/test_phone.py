import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ponder_data import ScanNetpp, ScanNetppConfig, project_to_view
from ponder_data.indoor.phone import read_depth_frames, read_video_frames

from .scannetpp_scene import COLUMNS, COUNT, HEIGHT, ROWS, WIDTH, depth_of, shade, write_download

REASON = "PyAV or lz4 is not installed (extra scenes)"
av: Any = pytest.importorskip("av", reason=REASON)
lz4: Any = pytest.importorskip("lz4.block", reason=REASON)


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
    return blocks([lz4.compress(depth_of(i).tobytes(), store_size=False) for i in range(count)])


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "rgb.mkv"
    write_video(path)
    return path


def test_views_are_frames_of_the_phones_streams(tmp_path: Path, video: Path) -> None:
    phone = write_download(tmp_path)
    (phone / "rgb.mkv").write_bytes(video.read_bytes())
    (phone / "depth.bin").write_bytes(lz4_blocks())
    scene = ScanNetpp(ScanNetppConfig(path=tmp_path, views=3))[0]
    # 39 frames have a pose; the middles of three thirds of them.
    assert [view.name for view in scene.views] == ["iphone 6", "iphone 19", "iphone 33"]
    for view, frame in zip(scene.views, (6, 19, 33), strict=True):
        assert (view.height, view.width) == (ROWS, COLUMNS)
        np.testing.assert_allclose(view.depth[10:].numpy(), 2 + frame / 1000, rtol=1e-6)
        assert np.abs(view.color.numpy() * 255 - shade(frame)[0, 0]).max() < 3
        np.testing.assert_allclose(view.intrinsics.numpy(), [[200, 0, 127.5], [0, 200, 95.5], [0, 0, 1]])
        np.testing.assert_allclose(project_to_view(scene.coord, view).z.numpy(), 2.0, atol=1e-5)


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
