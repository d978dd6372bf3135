from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ponder_data import read_scan

pypcd4 = pytest.importorskip("pypcd4", reason="not installed: it comes with the extra laser")

COORD = np.random.default_rng(0).random((50, 3)).astype(np.float32)
BYTES = np.random.default_rng(1).integers(0, 256, (50, 3))
PACKED = ((BYTES[:, 0] << 16) | (BYTES[:, 1] << 8) | BYTES[:, 2]).astype(np.uint32)


def header(names: str, kinds: str, encoding: str, points: int = 50) -> str:
    """Return a header as PCL writes it; kinds are letters with sizes, such as F4."""
    sizes = " ".join(kind[1] for kind in kinds.split())
    types = " ".join(kind[0] for kind in kinds.split())
    count = " ".join("1" for _ in kinds.split())
    return (
        f"# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS {names}\nSIZE {sizes}\nTYPE {types}\n"
        f"COUNT {count}\nWIDTH {points}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {points}\nDATA {encoding}\n"
    )


def table(**columns: np.ndarray) -> np.ndarray:
    data = np.zeros(50, dtype=[(name, values.dtype) for name, values in columns.items()])
    for name, values in columns.items():
        data[name] = values
    return data


def write_pcd(path: Path, encoding: str, packed_as: str = "F4", **more: np.ndarray) -> Path:
    """Write points with packed colours in one of the three encodings, the first two by hand."""
    colour = PACKED.view(np.float32) if packed_as == "F4" else PACKED
    data = table(x=COORD[:, 0], y=COORD[:, 1], z=COORD[:, 2], rgb=colour, **more)
    kinds = " ".join(
        f"{dtype.kind.upper()}{dtype.itemsize}"
        for dtype in (data.dtype[name] for name in data.dtype.names or ())
    )
    names = data.dtype.names or ()
    text = header(" ".join(names), kinds, encoding)
    if encoding == "ascii":
        rows = [
            " ".join(
                np.format_float_positional(v, unique=True) if isinstance(v, np.floating) else str(v)
                for v in row
            )
            for row in data
        ]
        path.write_text(text + "\n".join(rows) + "\n")
    elif encoding == "binary":
        path.write_bytes(text.encode() + data.tobytes())
    else:
        columns: list[Any] = [data[name] for name in names]
        types = [data.dtype[name] for name in names]
        pypcd4.PointCloud.from_points(columns, names, types).save(
            path, encoding=pypcd4.Encoding.BINARY_COMPRESSED
        )
    return path


# Text holds packed colours as integers: as floats nearly all of them are denormal.
@pytest.mark.parametrize(
    ("encoding", "packed_as"),
    [
        ("ascii", "U4"),
        ("binary", "F4"),
        ("binary", "U4"),
        ("binary_compressed", "F4"),
        ("binary_compressed", "U4"),
    ],
)
def test_points_colours_labels_and_normals(tmp_path: Path, encoding: str, packed_as: str) -> None:
    labels = (np.arange(50) % 3).astype(np.uint32)
    normal = dict.fromkeys(("normal_x", "normal_y"), np.zeros(50, np.float32))
    path = write_pcd(
        tmp_path / "scan.pcd",
        encoding,
        packed_as,
        label=labels,
        **normal,
        normal_z=np.full(50, 2, np.float32),
        intensity=np.linspace(0, 200, 50).astype(np.float32),
    )
    scene = read_scan(path)
    np.testing.assert_array_equal(scene.coord.numpy(), COORD)
    np.testing.assert_allclose(scene.color.numpy(), BYTES / 255.0, atol=1e-6)
    np.testing.assert_allclose(scene.normal.numpy(), np.tile([0.0, 0.0, 1.0], (50, 1)), atol=1e-6)
    assert scene.semantic is not None
    assert scene.semantic.tolist() == labels.tolist()
    assert scene.intensity is not None
    np.testing.assert_allclose(scene.intensity.numpy(), np.linspace(0, 200, 50) / 255, atol=1e-6)


def test_pixels_without_depth_are_left_out(tmp_path: Path) -> None:
    data = table(
        x=COORD[:, 0], y=COORD[:, 1], z=np.where(np.arange(50) % 4 == 0, np.float32(np.nan), COORD[:, 2])
    )
    path = tmp_path / "kinect.pcd"
    path.write_bytes(header("x y z", "F4 F4 F4", "binary").encode() + data.tobytes())
    with pytest.warns(UserWarning, match="holds no colours; all points are taken as grey"):
        scene = read_scan(path)
    np.testing.assert_array_equal(scene.coord.numpy(), COORD[np.arange(50) % 4 != 0])


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.9, 0.99])
@pytest.mark.parametrize("encoding", ["ascii", "binary", "binary_compressed"])
def test_files_that_were_cut_off_are_refused(tmp_path: Path, encoding: str, share: float) -> None:
    path = write_pcd(tmp_path / "scan.pcd", encoding, "U4")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"scan\.pcd: cannot be read, perhaps cut off") as caught:
        read_scan(path)
    assert "\n" not in str(caught.value)


def test_a_whole_number_of_points_cut_off_is_noticed(tmp_path: Path) -> None:
    path = write_pcd(tmp_path / "scan.pcd", "binary")
    path.write_bytes(path.read_bytes()[: -16 * 7])
    with pytest.raises(ValueError, match=r"it holds 43 of the 50 points that its header names"):
        read_scan(path)


def test_files_without_places_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "flat.pcd"
    path.write_text(header("x y", "F4 F4", "ascii") + "0 1\n" * 50)
    with pytest.raises(ValueError, match=r"holds \['x', 'y'\] but not x, y and z"):
        read_scan(path)
