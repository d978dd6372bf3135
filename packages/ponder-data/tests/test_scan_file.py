from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from ponder_data import Scene, read_scan, write_points_ply
from ponder_data.labels import NYU40, SCANNET20

COORD = np.random.default_rng(0).random((40, 3)).astype(np.float32)
BYTES = np.random.default_rng(1).integers(0, 256, (40, 3)).astype(np.uint8)
NORMAL = np.tile(np.array([0, 0.6, 0.8], dtype=np.float32), (40, 1))


def ascii_ply(rows: int = 40, faces: bool = False) -> str:
    header = ["ply", "format ascii 1.0", f"element vertex {rows}"]
    header += [f"property float {name}" for name in ("x", "y", "z", "nx", "ny", "nz")]
    header += [f"property uchar {name}" for name in ("red", "green", "blue")]
    header += ["element face 1", "property list uchar int vertex_indices"] if faces else []
    lines = [
        " ".join(map(str, (*point, *normal, *color)))
        for point, normal, color in zip(COORD, NORMAL, BYTES, strict=True)
    ]
    return "\n".join([*header, "end_header", *lines[:rows], *(["3 0 1 2"] if faces else []), ""])


def assert_holds_the_cloud(scene: Scene, atol: float = 1e-6) -> None:
    np.testing.assert_allclose(scene.coord.numpy(), COORD, atol=atol)
    np.testing.assert_allclose(scene.color.numpy(), BYTES / 255.0, atol=1e-6)
    np.testing.assert_allclose(scene.normal.norm(dim=1).numpy(), 1.0, atol=1e-5)
    assert scene.views == ()


@pytest.mark.parametrize("faces", [False, True])
def test_text_ply_with_normals(tmp_path: Path, faces: bool) -> None:
    path = tmp_path / "scan.ply"
    path.write_text(ascii_ply(faces=faces))
    scene = read_scan(path)
    assert scene.name == "scan"
    assert_holds_the_cloud(scene)
    np.testing.assert_allclose(scene.normal.numpy(), NORMAL, atol=1e-6)


def test_binary_ply_written_by_us(tmp_path: Path) -> None:
    path = tmp_path / "cloud.ply"
    write_points_ply(path, torch.from_numpy(COORD), torch.from_numpy(BYTES).float() / 255)
    assert_holds_the_cloud(read_scan(path))


def test_binary_mesh_with_normals_from_its_faces(tmp_path: Path) -> None:
    path = tmp_path / "mesh.ply"
    sphere: Any = trimesh.creation.icosphere(subdivisions=2)
    sphere.visual.vertex_colors = np.tile(
        np.array([10, 20, 30, 255], dtype=np.uint8), (len(sphere.vertices), 1)
    )
    path.write_bytes(sphere.export(file_type="ply", vertex_normal=False))
    scene = read_scan(path)
    assert len(scene) == len(sphere.vertices)
    assert ((scene.normal * scene.coord).sum(dim=1) > 0.99).all()
    np.testing.assert_allclose(
        scene.color.numpy(), np.tile(np.array([10, 20, 30]) / 255, (len(scene), 1)), atol=1e-6
    )


def test_binary_mesh_with_stored_normals(tmp_path: Path) -> None:
    path = tmp_path / "mesh.ply"
    sphere: Any = trimesh.creation.icosphere(subdivisions=1)
    flipped: Any = trimesh.Trimesh(
        sphere.vertices, sphere.faces, vertex_normals=-sphere.vertices, process=False
    )
    flipped.visual.vertex_colors = np.full((len(sphere.vertices), 4), 255, dtype=np.uint8)
    path.write_bytes(flipped.export(file_type="ply", vertex_normal=True))
    scene = read_scan(path)
    assert ((scene.normal * scene.coord).sum(dim=1) < -0.99).all()


@pytest.mark.parametrize(
    "names", [("coord", "color", "normal"), ("xyz", "rgb", "normals"), ("points", "colors", "normal")]
)
@pytest.mark.parametrize(
    "colors", [BYTES, BYTES / 255.0, BYTES.astype(np.float32)], ids=["bytes", "unit", "float bytes"]
)
def test_npz_under_all_names(tmp_path: Path, names: tuple[str, str, str], colors: np.ndarray) -> None:
    path = tmp_path / "scan.npz"
    labels = np.arange(40) % 3
    arrays: dict[str, Any] = dict(zip(names, (COORD.astype(np.float64), colors, NORMAL * 7), strict=True))
    np.savez(path, semantic=labels.astype(np.uint8), instance=labels.astype(np.float32) - 1, **arrays)
    scene = read_scan(path)
    assert_holds_the_cloud(scene)
    np.testing.assert_allclose(scene.normal.numpy(), NORMAL, atol=1e-6)
    assert scene.semantic is not None
    assert scene.instance is not None
    assert scene.semantic.tolist() == labels.tolist()
    assert scene.instance.tolist() == (labels - 1).tolist()


@pytest.mark.parametrize("columns", [6, 9])
def test_npy_tables(tmp_path: Path, columns: int) -> None:
    path = tmp_path / "scan.npy"
    np.save(path, np.concatenate((COORD, BYTES, NORMAL), axis=1)[:, :columns])
    assert_holds_the_cloud(read_scan(path))


def test_scans_with_y_up_are_turned(tmp_path: Path) -> None:
    np.savez(tmp_path / "scan.npz", coord=COORD, color=BYTES, normal=NORMAL)
    scene = read_scan(tmp_path / "scan.npz", up="y")
    np.testing.assert_array_equal(scene.coord.numpy(), COORD[:, [0, 2, 1]] * np.array([1, -1, 1]))
    np.testing.assert_allclose(scene.normal.numpy(), np.tile([0, -0.8, 0.6], (40, 1)), atol=1e-6)


@pytest.mark.parametrize("as_text", [True, False])
def test_ply_with_labels_that_are_ids_of_a_set(tmp_path: Path, as_text: bool) -> None:
    rows: Any = np.zeros(
        40,
        dtype=[(n, "<f4") for n in "xyz"]
        + [(n, "u1") for n in ("red", "green", "blue")]
        + [("label", "<u2"), ("instance", "<i4"), ("scalar_Intensity", "<f4")],
    )
    for column, axis in enumerate("xyz"):
        rows[axis] = COORD[:, column]
    for column, name in enumerate(("red", "green", "blue")):
        rows[name] = BYTES[:, column]
    rows["label"], rows["instance"], rows["scalar_Intensity"] = np.arange(40), np.arange(40) // 3, 0.25
    kinds = {"<f4": "float", "|u1": "uchar", "<u2": "ushort", "<i4": "int"}
    header = ["ply", f"format {'ascii' if as_text else 'binary_little_endian'} 1.0", "element vertex 40"]
    header += [f"property {kinds[rows.dtype[name].str]} {name}" for name in rows.dtype.names]
    text = "\n".join([*header, "end_header", ""]).encode()
    body = (
        "".join(" ".join(map(str, row)) + "\n" for row in rows.tolist()).encode()
        if as_text
        else rows.tobytes()
    )
    (tmp_path / "scan.ply").write_bytes(text + body)
    scene = read_scan(tmp_path / "scan.ply", SCANNET20)
    assert_holds_the_cloud(scene)
    assert scene.class_names == SCANNET20.names
    assert scene.semantic is not None
    assert scene.semantic.tolist() == SCANNET20.from_raw(torch.arange(40)).tolist()
    assert scene.instance is not None
    assert scene.instance.tolist() == (np.arange(40) // 3).tolist()
    assert scene.intensity is not None
    assert (scene.intensity == 0.25).all()


def test_npz_may_name_its_classes_or_hold_nyu40(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "scan.npz", coord=COORD, color=BYTES, semantic=np.arange(40) % 2, class_names=["a", "b"]
    )
    assert read_scan(tmp_path / "scan.npz").class_names == ("a", "b")
    np.savez(tmp_path / "raw.npz", coord=COORD, color=BYTES, nyu40=np.arange(40) % 3)
    raw = read_scan(tmp_path / "raw.npz")
    assert raw.class_names == NYU40.names
    assert raw.semantic is not None
    assert raw.semantic[:3].tolist() == [-1, 0, 1]


@pytest.mark.parametrize(("highest", "full"), [(0.7, 1), (200, 255), (3000, 4095), (60_000, 65_535)])
def test_intensity_is_scaled_by_its_range(tmp_path: Path, highest: float, full: float) -> None:
    np.savez(tmp_path / "scan.npz", coord=COORD, intensity=np.linspace(0, highest, 40))
    with pytest.warns(UserWarning, match="shaded by their intensity"):
        scene = read_scan(tmp_path / "scan.npz")
    assert float(scene.color.max()) == pytest.approx(highest / full)


def test_scans_far_from_the_origin_are_moved_there(tmp_path: Path) -> None:
    far = COORD.astype(np.float64) + np.array([500_000.25, 5_000_000, 300])
    np.savez(tmp_path / "scan.npz", coord=far, color=BYTES)
    moved = read_scan(tmp_path / "scan.npz").coord.double().numpy() - far
    np.testing.assert_allclose(moved, np.round(moved[:1]).repeat(40, axis=0), atol=1e-6)


def test_a_cloud_without_colours_is_grey_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "scan.npy"
    np.save(path, COORD)
    with pytest.warns(UserWarning, match=r"scan\.npy: holds no colours"):
        scene = read_scan(path)
    assert (scene.color == 0.5).all()


def test_estimated_normals_face_the_middle_of_a_room(tmp_path: Path) -> None:
    generator = np.random.default_rng(2)
    axis = generator.integers(0, 3, 4000)
    coord = generator.uniform(-1, 1, (4000, 3))
    side = np.sign(coord[np.arange(4000), axis])
    coord[np.arange(4000), axis] = side
    np.savez(tmp_path / "room.npz", coord=coord, color=np.zeros((4000, 3), dtype=np.uint8))
    normal = read_scan(tmp_path / "room.npz").normal.numpy()
    facing = -side * normal[np.arange(4000), axis]
    # Points near the edges of the room have neighbours on two walls.
    assert np.mean(facing > 0.99) > 0.7
    assert np.mean(facing > 0) > 0.999


def broken_npz(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "scan.npz", **arrays)
    return folder / "scan.npz"


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"coord": COORD[:0]}, r"holds 0 point\(s\); at least 2"),
        ({"coord": COORD[:1]}, r"holds 1 point\(s\); at least 2"),
        ({"coord": COORD[:2], "color": BYTES[:2]}, "estimating these takes 3 points"),
        ({"coord": np.where(COORD > 0.9, np.nan, COORD)}, r"\d+ of 40 points are NaN or infinite"),
        ({"coord": COORD[:, :2]}, r"coord is float32 of shape \(40, 2\)"),
        ({"coord": np.float32(3)}, r"coord is float32 of shape \(\)"),
        ({"coord": COORD.astype(str)}, "coord is <U"),
        ({"coord": COORD, "color": BYTES[:-1]}, r"color is uint8 of shape \(39, 3\); expected .*\(40, 3\)"),
        (
            {"coord": COORD, "color": BYTES.astype(float) * 2},
            r"colours run from \S+ to \S+; expected \[0, 1\] or",
        ),
        ({"coord": COORD, "color": COORD - 1}, "colours run from -"),
        ({"coord": COORD, "color": COORD * np.nan}, "colours run from nan"),
        ({"coord": COORD, "color": BYTES, "normal": COORD[:3]}, r"normal is float32 of shape \(3, 3\)"),
        ({"coord": COORD, "color": BYTES, "normal": COORD * np.inf}, "NaN or infinite normal"),
        (
            {"coord": COORD, "color": BYTES, "semantic": COORD[:, 0]},
            "semantic holds numbers that are not whole",
        ),
        (
            {"coord": COORD, "color": BYTES, "semantic": np.arange(40), "class_names": ["a", "b"]},
            "a label is 39, but class_names names 2 classes, 0 to 1",
        ),
        (
            {"coord": COORD, "color": BYTES, "intensity": np.arange(40) - 1},
            "intensity runs from -1 to 38; expected 0 to 1",
        ),
        ({"position": COORD}, r"holds \['position'\] but none of \['coord', 'xyz', 'points'\]"),
    ],
)
def test_bad_arrays_are_refused_in_one_line(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    path = broken_npz(tmp_path, **arrays)
    with pytest.raises(ValueError, match=message) as caught:
        read_scan(path)
    assert "\n" not in str(caught.value)
    assert "scan" in str(caught.value)


def test_files_that_are_no_scans_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"absent\.ply: no such file"):
        read_scan(tmp_path / "absent.ply")
    with pytest.raises(ValueError, match=r"scan\.e57: scans are read from \.ply, \.npz, \.npy"):
        read_scan(tmp_path / "scan.e57")
    np.save(tmp_path / "wide.npy", np.zeros((5, 4)))
    with pytest.raises(ValueError, match=r"its shape is \(5, 4\)"):
        read_scan(tmp_path / "wide.npy")
    np.save(tmp_path / "pickle.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_scan(tmp_path / "pickle.npy")


@pytest.mark.parametrize("ending", ["las", "laz", "pcd"])
def test_a_missing_package_is_named_with_its_extra(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"scan.{ending}").touch()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"not installed: \w+.*pip install 'ponder-data\[laser\]'"):
        read_scan(tmp_path / f"scan.{ending}")


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.9, 0.99])
@pytest.mark.parametrize("kind", ["text.ply", "binary.ply", "mesh.ply", "scan.npz", "scan.npy"])
def test_files_that_were_cut_off_are_refused(
    tmp_path: Path, kind: str, share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / kind
    if kind == "text.ply":
        path.write_text(ascii_ply())
    elif kind == "binary.ply":
        write_points_ply(path, torch.from_numpy(COORD), torch.from_numpy(BYTES).float() / 255)
    elif kind == "mesh.ply":
        mesh: Any = trimesh.creation.icosphere(subdivisions=2)
        path.write_bytes(mesh.export(file_type="ply"))
    elif kind == "scan.npz":
        np.savez(path, coord=COORD, color=BYTES)
    else:
        np.save(path, np.concatenate((COORD, BYTES), axis=1))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"cut off|holds 0 point") as caught:
        read_scan(path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_real_scans_open(shared_data: Path) -> None:
    scene = read_scan(min((shared_data / "scannet_scans").glob("*.npz")))
    assert len(scene) == 50_000
    torch.testing.assert_close(scene.normal.norm(dim=1), torch.ones(50_000))
    floor = scene.coord[:, 2] < scene.coord[:, 2].quantile(0.05)
    assert scene.normal[floor, 2].median() > 0.9


def test_writing_into_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the folder \S+nowhere does not exist"):
        write_points_ply(tmp_path / "nowhere" / "a.ply", torch.rand(4, 3), torch.rand(4, 3))
