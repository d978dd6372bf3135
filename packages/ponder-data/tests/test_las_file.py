from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ponder_data import read_scan
from ponder_data.labels import ASPRS
from ponder_data.scans.las_file import read_las

laspy = pytest.importorskip("laspy", reason="not installed: it comes with the extra laser")

# Corner of a tile in a national grid, where float32 knows places to half a metre.
CORNER = np.array([512_000.0, 5_403_000.0, 400.0])
COORD = np.random.default_rng(0).random((60, 3)) * [8.0, 6.0, 3.0]
CODES = np.resize([0, 1, 2, 6, 5], 60)


def write_las(path: Path, coord: np.ndarray, version: str = "1.4", layout: int = 7, **columns: Any) -> Path:
    header = laspy.LasHeader(point_format=layout, version=version)
    header.offsets = np.floor(coord.min(axis=0))
    header.scales = np.full(3, 0.001)
    las = laspy.LasData(header)
    las.xyz = coord
    for name, values in columns.items():
        if name not in las.point_format.dimension_names:
            las.add_extra_dim(laspy.ExtraBytesParams(name, type=np.float32))
        las[name] = values
    las.write(str(path))
    return path


def rgb(scale: int) -> dict[str, Any]:
    generator = np.random.default_rng(1)
    return {name: generator.integers(0, 256, 60) * scale for name in ("red", "green", "blue")}


@pytest.mark.parametrize("ending", ["las", "laz", "LAZ"])
@pytest.mark.parametrize(("scale", "layout", "version"), [(257, 7, "1.4"), (1, 3, "1.2")])
def test_points_colours_and_classes(
    tmp_path: Path, ending: str, scale: int, layout: int, version: str
) -> None:
    columns = {**rgb(scale), "classification": CODES, "intensity": np.arange(60) * 60}
    scene = read_scan(write_las(tmp_path / f"tile.{ending}", CORNER + COORD, version, layout, **columns))
    # The tile is moved as a whole, to the millimetre.
    moved = scene.coord.numpy() - COORD
    np.testing.assert_allclose(moved, np.broadcast_to(moved[0], moved.shape), atol=1.1e-3)
    assert np.abs(scene.coord.numpy()).max() < 10
    expected = np.stack([columns[name] / (255 * scale) for name in ("red", "green", "blue")], axis=1)
    np.testing.assert_allclose(scene.color.numpy(), expected, atol=1e-6)
    assert scene.class_names == ASPRS.names
    assert scene.semantic is not None
    assert [scene.class_names[i] if i >= 0 else None for i in scene.semantic[:5].tolist()] == [
        None,
        None,
        "ground",
        "building",
        "high vegetation",
    ]
    assert scene.intensity is not None
    np.testing.assert_allclose(scene.intensity.numpy(), np.arange(60) * 60 / 4095, atol=1e-6)


def test_unclassified_points_without_colours_are_shaded_by_intensity(tmp_path: Path) -> None:
    path = write_las(tmp_path / "scan.las", COORD, intensity=np.arange(60) * 1000)
    with pytest.warns(
        UserWarning, match=r"scan\.las: holds no colours; points are shaded by their intensity"
    ):
        scene = read_scan(path)
    assert scene.semantic is None
    assert scene.class_names == ()
    np.testing.assert_allclose(scene.color[:, 1].numpy(), np.arange(60) * 1000 / 65535, atol=1e-6)


def test_noise_and_withheld_points_are_left_out(tmp_path: Path) -> None:
    withheld = np.arange(60) % 10 == 0
    path = write_las(
        tmp_path / "scan.las", COORD, **rgb(1), classification=np.resize([2, 7, 18], 60), withheld=withheld
    )
    scene = read_scan(path)
    kept = (np.arange(60) % 3 == 0) & ~withheld
    np.testing.assert_allclose(scene.coord.numpy(), COORD[kept], atol=6e-4)


def test_normals_and_trees_are_read_from_extra_dimensions(tmp_path: Path) -> None:
    normal: dict[str, Any] = {
        name: np.full(60, length) for name, length in (("NormalX", 0.0), ("NormalY", 0.6), ("NormalZ", 0.8))
    }
    scene = read_scan(write_las(tmp_path / "s.las", COORD, **rgb(1), treeID=np.arange(60) // 7, **normal))
    np.testing.assert_allclose(scene.normal.numpy(), np.tile([0.0, 0.6, 0.8], (60, 1)), atol=1e-6)
    assert scene.instance is not None
    assert scene.instance.tolist() == (np.arange(60) // 7).tolist()


@pytest.mark.parametrize("most", [20, 25, 59])
def test_large_files_are_read_at_every_nth_point(
    tmp_path: Path, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ponder_data.scans.las_file._CHUNK", 7)
    path = write_las(tmp_path / "scan.las", COORD)
    stride = -(-60 // most)
    with pytest.warns(UserWarning, match=f"holds 60 points; every {stride}th is read"):
        arrays = read_las(path, most_points=most)
    np.testing.assert_allclose(arrays.coord, COORD[::stride], atol=6e-4)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.9, 0.99])
@pytest.mark.parametrize("ending", ["las", "laz"])
def test_files_that_were_cut_off_are_refused(tmp_path: Path, ending: str, share: float) -> None:
    path = write_las(tmp_path / f"scan.{ending}", COORD, **rgb(1))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"scan\.\w+: cannot be read, perhaps cut off") as caught:
        read_scan(path)
    assert "\n" not in str(caught.value)
