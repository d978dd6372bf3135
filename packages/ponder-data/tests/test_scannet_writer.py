"""Synthetic rooms in ScanNet's raw layout, read back here by the format's own rules."""

import csv
import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import ponder_data
import pytest
import trimesh
from PIL import Image
from ponder_data import (
    ROOM_CLASSES,
    ScanNetRoomsConfig,
    Scene,
    SyntheticRooms,
    SyntheticRoomsConfig,
    WrittenRooms,
    write_scannet_rooms,
)
from ponder_data.labels import NYU40, SCANNET20, SCANNET200
from scipy.spatial import KDTree

CONFIG = ScanNetRoomsConfig(train=1, val=1, seed=2, frames=4, image_width=80, image_height=60, voxel=0.05)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> WrittenRooms:
    return write_scannet_rooms(CONFIG, tmp_path_factory.mktemp("scannet") / "rooms")


@pytest.fixture(scope="module")
def original() -> Scene:
    """The room for training as it is made in memory: its views are the frames."""
    return SyntheticRooms(
        SyntheticRoomsConfig(scenes=1, seed=2, views=4, held_out_views=0, image_width=80, image_height=60)
    )[0]


def scan(written: WrittenRooms, ending: str) -> Path:
    return written.path / "scans" / "scene0000_00" / f"scene0000_00{ending}"


def mesh(written: WrittenRooms, ending: str = "_vh_clean_2.ply") -> trimesh.Trimesh:
    loaded = trimesh.load(scan(written, ending), process=False)
    assert isinstance(loaded, trimesh.Trimesh)
    return loaded


def settings(written: WrittenRooms) -> dict[str, str]:
    lines = scan(written, ".txt").read_text().splitlines()
    return {key: value for key, _, value in (line.partition(" = ") for line in lines)}


def alignment(written: WrittenRooms) -> np.ndarray:
    return np.array(settings(written)["axisAlignment"].split(), dtype=np.float64).reshape(4, 4)


def aligned(written: WrittenRooms) -> np.ndarray:
    matrix = alignment(written)
    return mesh(written).vertices @ matrix[:3, :3].T + matrix[:3, 3]


def objects(written: WrittenRooms) -> tuple[np.ndarray, list[str]]:
    """Return the object of each vertex and the word for each object."""
    segment = np.array(json.loads(scan(written, "_vh_clean_2.0.010000.segs.json").read_text())["segIndices"])
    groups = json.loads(scan(written, ".aggregation.json").read_text())["segGroups"]
    owner = np.full(len(segment), -1)
    for group in groups:
        mine = np.isin(segment, group["segments"])
        assert (owner[mine] == -1).all(), "no segment is in two objects"
        owner[mine] = group["objectId"]
    return owner, [group["label"] for group in groups]


def test_lists_and_the_table_of_categories(written: WrittenRooms) -> None:
    assert (written.path / "scannetv2_train.txt").read_text() == "scene0000_00\n"
    assert (written.path / "scannetv2_val.txt").read_text() == "scene0001_00\n"
    table = (written.path / "scannetv2-labels.combined.tsv").read_text()
    rows = list(csv.DictReader(table.splitlines(), delimiter="\t"))
    assert len(rows) == len(ROOM_CLASSES)
    for row in rows:
        assert (
            SCANNET200.names[[ids[0] for ids in SCANNET200.raw_ids].index(int(row["id"]))] == row["category"]
        )
        assert NYU40.names[int(row["nyu40id"]) - 1] == row["nyu40class"]
    assert sum(int(row["count"]) for row in rows) == written.objects
    assert written.scenes == (1, 1)
    assert written.frames == 8


def test_the_mesh_lies_on_the_surfaces_of_the_room(written: WrittenRooms, original: Scene) -> None:
    coord = aligned(written)
    # Noisy points of the same room, whose noise is a few centimetres at most, are near.
    distance, _ = KDTree(coord).query(original.coord.numpy())
    assert np.median(distance) < 0.04
    assert np.quantile(distance, 0.95) < 0.12
    # The room stands upright and along the axes after the alignment, and turned before.
    assert coord[:, 2].min() == pytest.approx(0.0, abs=1e-4)
    assert abs(alignment(written)[1, 0]) > 0.05


def test_the_mesh_is_a_surface_that_faces_the_cameras(written: WrittenRooms, original: Scene) -> None:
    loaded = mesh(written)
    faces = np.asarray(loaded.faces)
    coord = aligned(written)
    assert len(np.unique(faces)) > 0.95 * len(coord)
    edges, count = np.unique(np.sort(loaded.edges, axis=1), axis=0, return_counts=True)
    assert (count <= 2).mean() > 0.85
    assert np.linalg.norm(coord[edges[:, 0]] - coord[edges[:, 1]], axis=1).max() <= 4 * CONFIG.voxel + 1e-4
    corner = coord[faces]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    owner, words = objects(written)
    for word, axis in (("floor", 1.0), ("ceiling", -1.0)):
        flat = (owner[faces] == words.index(word)).all(axis=1)
        flat &= np.abs(normal[:, 2]) > 0.5 * np.linalg.norm(normal, axis=1)  # not the slabs' own sides
        assert flat.sum() > 20
        assert (np.sign(normal[flat, 2]) == axis).mean() > 0.99


def test_labels_and_objects_agree(written: WrittenRooms) -> None:
    labels = scan(written, "_vh_clean_2.labels.ply").read_bytes()
    header, _, body = labels.partition(b"end_header\n")
    assert b"property ushort label" in header
    count = len(mesh(written).vertices)
    vertex = np.frombuffer(body, dtype=[("xyz", "<f4", 3), ("rgba", "u1", 4), ("label", "<u2")], count=count)
    np.testing.assert_array_equal(vertex["xyz"], mesh(written).vertices.astype(np.float32))
    assert (vertex["rgba"][:, 3] == 255).all()
    owner, words = objects(written)
    assert owner.min() == 0
    assert {"floor", "wall", "ceiling"} <= set(words)
    assert len(words) > 10
    with (written.path / "scannetv2-labels.combined.tsv").open() as file:
        nyu40 = {row["raw_category"]: int(row["nyu40id"]) for row in csv.DictReader(file, delimiter="\t")}
    for number, word in enumerate(words):
        assert (vertex["label"][owner == number] == nyu40[word]).all()


def test_frames_are_the_views_of_the_room(written: WrittenRooms, original: Scene) -> None:
    data = scan(written, ".sens").read_bytes()
    version, length = struct.unpack_from("<IQ", data)
    place = 12 + length
    assert (version, data[12:place]) == (4, b"Ponder synthetic rooms")
    matrices = np.frombuffer(data, "<f4", 64, place).reshape(4, 4, 4)
    for intrinsics in matrices[[0, 2]]:
        np.testing.assert_allclose(intrinsics[:3, :3], original.views[0].intrinsics, rtol=1e-6)
    np.testing.assert_array_equal(matrices[[1, 3]], np.stack([np.eye(4)] * 2))
    compression = struct.unpack_from("<iiIIIIfQ", data, place + 256)
    assert compression == (2, 1, 80, 60, 80, 60, 1000.0, 4)
    place += 256 + struct.calcsize("<iiIIIIfQ")
    for number, view in enumerate(original.views):
        pose = np.frombuffer(data, "<f4", 16, place).reshape(4, 4)
        color_time, depth_time, color_size, depth_size = struct.unpack_from("<QQQQ", data, place + 64)
        assert color_time == depth_time == number * 33_333
        place += 96
        with Image.open(io.BytesIO(data[place : place + color_size])) as picture:
            color = np.asarray(picture) / 255.0
        place += color_size
        depth = np.frombuffer(zlib.decompress(data[place : place + depth_size]), "<u2").reshape(60, 80)
        place += depth_size
        np.testing.assert_allclose(alignment(written) @ pose, view.camera_to_world, atol=1e-5)
        np.testing.assert_allclose(depth / 1000.0, view.depth, atol=6e-4)
        assert np.abs(color - view.color.numpy()).mean() < 0.02
    assert struct.unpack_from("<Q", data, place) == (0,)
    assert len(data) == place + 8
    assert settings(written)["numColorFrames"] == "4"
    assert float(settings(written)["fx_depth"]) == pytest.approx(float(original.views[0].intrinsics[0, 0]))


def test_the_reader_of_scannet_reads_them(written: WrittenRooms, original: Scene) -> None:
    scans = ponder_data.ScanNet(ponder_data.ScanNetConfig(path=written.path, views=4))
    scene = scans[0]
    assert scene.instance is not None
    assert scene.semantic is not None
    np.testing.assert_allclose(scene.coord.numpy(), aligned(written), atol=1e-5)
    owner, words = objects(written)
    np.testing.assert_array_equal(scene.instance.numpy(), owner)
    floor = scene.semantic.numpy() == SCANNET20.names.index("floor")
    np.testing.assert_array_equal(floor, owner == words.index("floor"))
    assert float(scene.normal[floor][:, 2].mean()) > 0.95
    for view, truth in zip(scene.views, original.views, strict=True):
        np.testing.assert_allclose(view.camera_to_world, truth.camera_to_world, atol=1e-5)
        np.testing.assert_allclose(view.depth, truth.depth, atol=6e-4)


def test_rooms_are_written_in_a_new_folder_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match=r"file is a file; give a folder that is new or empty"):
        write_scannet_rooms(CONFIG, tmp_path / "file")
    with pytest.raises(ValueError, match=r"the folder .*nowhere does not exist; create it first"):
        write_scannet_rooms(CONFIG, tmp_path / "nowhere" / "rooms")
    (tmp_path / ".rooms.partial").mkdir()
    with pytest.raises(ValueError, match=r"rooms is being written, or the writing was killed"):
        write_scannet_rooms(CONFIG, tmp_path / "rooms")
    with pytest.raises(ValueError, match="0 rooms are asked for; ask for 1 to 10000"):
        write_scannet_rooms(ScanNetRoomsConfig(train=0, val=0), tmp_path / "none")
