import struct
from pathlib import Path

import numpy as np
import pytest
from ponder_data.indoor.sens import open_sens

from .indoor_files import INFINITE, looking, sens_bytes, smooth_color

COLOR = np.array([[40.0, 0.0, 23.5], [0.0, 41.0, 17.5], [0.0, 0.0, 1.0]])
DEPTH = np.array([[20.0, 0.0, 11.5], [0.0, 20.5, 8.5], [0.0, 0.0, 1.0]])
POSES = (looking([1, 2, 3], [1, 0, 0], [0, 0, -1]), INFINITE, looking([0, 0, 1], [0, 1, 0], [0, 0, -1]))
COLORS = tuple(smooth_color(36, 48, 30 * i) for i in range(3))
DEPTHS = tuple(np.arange(18 * 24).reshape(18, 24) * 3 + 1000 * i for i in range(3))


def whole_file(**changes: object) -> bytes:
    return sens_bytes(COLORS, DEPTHS, POSES, COLOR, DEPTH, **changes)  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "scene0000_00.sens"
    path.write_bytes(whole_file())
    return path


def test_frames_are_read_by_number_in_any_order(path: Path) -> None:
    sens = open_sens(path)
    assert (len(sens), sens.sensor) == (3, "StructureSensor")
    assert (sens.color_size, sens.depth_size, sens.depth_units) == ((48, 36), (24, 18), 1000.0)
    np.testing.assert_allclose(sens.color_intrinsics, COLOR)
    np.testing.assert_allclose(sens.depth_intrinsics, DEPTH)
    np.testing.assert_allclose(sens.camera_to_world, np.stack(POSES))
    for frame in (2, 0, 1):
        np.testing.assert_array_equal(sens.depth(frame), DEPTHS[frame].astype(np.float32) / 1000)
        error = np.abs(sens.color(frame).astype(int) - COLORS[frame])
        assert error.max() <= 4  # JPEG


def test_units_of_depth_are_those_of_the_header(tmp_path: Path) -> None:
    path = tmp_path / "a.sens"
    path.write_bytes(whole_file(units=4000.0))
    np.testing.assert_allclose(open_sens(path).depth(1), DEPTHS[1] / 4000, rtol=1e-6)


def test_a_file_cut_anywhere_before_its_last_picture_ends_is_one_clear_error(path: Path) -> None:
    data = path.read_bytes()
    end = len(data) - 8 - 128  # inertial readings are not needed
    for length in (*range(0, 400, 37), end // 2, end - 500, end - 1):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match=r"scene0000_00.sens: is cut off in (its header|frame \d of 3)"):
            open_sens(path)
    path.write_bytes(data[:end])
    assert len(open_sens(path)) == 3


def test_files_that_are_no_such_stream_say_so(path: Path) -> None:
    with pytest.raises(ValueError, match=r"absent.sens: cannot be read \(No such file or directory\)"):
        open_sens(path.with_name("absent.sens"))
    path.write_bytes(struct.pack("<IQ", 3, 5) + b"hello" + bytes(1000))
    with pytest.raises(ValueError, match=r"is no .sens file of version 4 \(it begins with 3\)"):
        open_sens(path)
    path.write_bytes(whole_file(compressions=(1, 2)))
    with pytest.raises(ValueError, match="holds png colours and occi_ushort depth"):
        open_sens(path)
    path.write_bytes(whole_file(units=0.0))
    with pytest.raises(ValueError, match=r"says 0.0 depth units per metre and 24x18 pixels"):
        open_sens(path)


def test_broken_pictures_name_their_frame(path: Path) -> None:
    sens = open_sens(path)
    data = bytearray(path.read_bytes())
    for place in (sens.color_place[1], sens.depth_place[2]):
        data[place[0] : place[0] + place[1]] = bytes(int(place[1]))
    path.write_bytes(bytes(data))
    assert sens.color(0).shape == (36, 48, 3)
    with pytest.raises(ValueError, match="the colour of frame 1 is no picture"):
        sens.color(1)
    with pytest.raises(ValueError, match="the depth of frame 2 is broken"):
        sens.depth(2)
    small = (*DEPTHS[:2], DEPTHS[2][:9])
    path.write_bytes(sens_bytes(COLORS, small, POSES, COLOR, DEPTH))
    with pytest.raises(ValueError, match="the depth of frame 2 has 432 bytes; 24x18 pixels take 864"):
        open_sens(path).depth(2)
