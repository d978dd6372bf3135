"""The parts that readers of indoor datasets share, against slow loops and closed forms."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ponder_data.indoor.boxes import instance_boxes, majority, upright_box
from ponder_data.indoor.files import read_table, read_text
from ponder_data.indoor.frames import (
    FrameOptions,
    frame_view,
    labels_at_depth,
    spread_indices,
    valid_poses,
)
from ponder_data.indoor.ply import face_to_vertex, read_ply_mesh, triangle_normals
from scipy.spatial.transform import Rotation

from .indoor_files import grid_mesh, rgb, write_ply


@given(st.integers(0, 2**32 - 1))
def test_a_vertex_gets_the_label_of_most_of_its_triangles(seed: int) -> None:
    random = np.random.default_rng(seed)
    vertices = int(random.integers(1, 8))
    faces = random.integers(0, vertices, size=(int(random.integers(0, 12)), 3))
    labels = random.integers(-1, 4, size=len(faces))
    found = face_to_vertex(labels, faces, vertices)
    for vertex in range(vertices):
        counts = [0] * 4
        for face, label in zip(faces, labels, strict=True):
            if label >= 0:
                counts[label] += int((face == vertex).sum())
        expected = counts.index(max(counts)) if max(counts) else -1
        assert found[vertex] == expected


def test_normals_of_vertices_are_those_of_their_triangles_by_area() -> None:
    random = np.random.default_rng(0)
    coord, faces = random.normal(size=(9, 3)), random.integers(0, 9, size=(15, 3))
    expected = np.zeros((9, 3))
    for a, b, c in faces:
        cross = np.cross(coord[b] - coord[a], coord[c] - coord[a])
        for corner in (a, b, c):
            expected[corner] += cross
    np.testing.assert_allclose(triangle_normals(coord, faces), expected, atol=1e-12)


def test_binary_and_text_meshes_are_read_alike(tmp_path: Path) -> None:
    coord, faces = grid_mesh(2, 3)
    color = np.arange(18).reshape(6, 3)
    label, kind = np.arange(6) * 7, np.array([3, -1, 0, 2])
    binary, text = tmp_path / "a.ply", tmp_path / "b.ply"
    write_ply(
        binary, coord, faces, vertex=rgb(color) | {"label": ("ushort", label)}, face={"kind": ("int", kind)}
    )
    header = binary.read_bytes().split(b"end_header")[0].replace(b"binary_little_endian", b"ascii")
    rows = [" ".join(map(str, (*coord[i], *color[i], 255, label[i]))) for i in range(6)]
    rows += [f"3 {a} {b} {c} {k}" for (a, b, c), k in zip(faces, kind, strict=True)]
    text.write_bytes(header + b"end_header\n" + "\n".join(rows).encode() + b"\n")
    for path in (binary, text):
        mesh = read_ply_mesh(path)
        np.testing.assert_allclose(mesh.coord, coord)
        np.testing.assert_array_equal(mesh.faces, faces)
        np.testing.assert_array_equal(mesh.color(), color)
        np.testing.assert_array_equal(mesh.vertex_field("label"), label)
        np.testing.assert_array_equal(mesh.face_fields["kind"], kind)
        np.testing.assert_allclose(mesh.normal(), np.tile([0, 0, 1.0], (6, 1)), atol=1e-6)
        with pytest.raises(ValueError, match=f"{path.name}: its vertices have no 'heat', only x, y, z, red"):
            mesh.vertex_field("heat")


def test_meshes_that_refer_to_no_vertex_or_hold_nan_are_refused(tmp_path: Path) -> None:
    coord, faces = grid_mesh(2, 2)
    write_ply(tmp_path / "a.ply", coord, faces + 2, vertex=rgb(np.zeros((4, 3))))
    with pytest.raises(
        ValueError, match="a.ply: (its faces are no triangles of its 4 vertices|cannot be read)"
    ):
        read_ply_mesh(tmp_path / "a.ply")
    coord[1, 2] = np.nan
    write_ply(tmp_path / "b.ply", coord, faces, vertex=rgb(np.zeros((4, 3))))
    with pytest.raises(ValueError, match="b.ply: some vertices are NaN or infinite"):
        read_ply_mesh(tmp_path / "b.ply")


def test_boxes_of_instances_against_a_loop() -> None:
    random = np.random.default_rng(1)
    coord = random.normal(size=(60, 3)).astype(np.float32)
    instance, semantic = random.integers(-1, 5, 60) * 10, random.integers(-1, 3, 60)
    instance[instance < 0] = -1
    semantic[instance == 20] = -1
    boxes = instance_boxes(coord, instance, semantic)
    assert boxes.instance.tolist() == [0, 10, 30, 40]
    for i, number in enumerate(boxes.instance.tolist()):
        points, labels = coord[instance == number], semantic[instance == number].tolist()
        np.testing.assert_allclose(boxes.center[i], (points.min(0) + points.max(0)) / 2, atol=1e-6)
        np.testing.assert_allclose(boxes.size[i], points.max(0) - points.min(0), atol=1e-6)
        assert int(boxes.label[i]) == max(range(3), key=lambda label: (labels.count(label), -label))
    assert majority(np.array([-1, -1])) == -1
    assert len(instance_boxes(coord, np.full(60, -1), semantic)) == 0


@given(st.floats(-3.1, 3.1), st.permutations([0, 1, 2]), st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3))
def test_an_upright_box_has_the_same_corners(
    heading: float, order: list[int], signs: tuple[float, ...]
) -> None:
    axes = np.array(
        [[math.cos(heading), math.sin(heading), 0], [-math.sin(heading), math.cos(heading), 0], [0, 0, 1]]
    )
    size = np.array([3.0, 2.0, 1.0])
    mixed = axes[order] * np.array(signs)[:, None]
    box = upright_box(np.array([1.0, 2.0, 3.0]), mixed, size[order], 0, 0)
    turned = Rotation.from_euler("z", box.heading).as_matrix()
    corners = np.array([[a, b, c] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)]) / 2
    found = (corners * box.size) @ turned.T
    expected = (corners * size) @ axes
    distance = np.linalg.norm(found[:, None] - expected[None], axis=-1)
    assert distance.min(axis=0).max() < 1e-9
    assert distance.min(axis=1).max() < 1e-9


@given(st.integers(0, 40), st.integers(0, 50))
def test_spread_indices_are_distinct_ordered_and_even(count: int, length: int) -> None:
    available = [10 * i for i in range(length)]
    chosen = spread_indices(available, count)
    assert len(chosen) == min(count, length)
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= set(available)
    steps = np.diff(chosen)
    assert len(steps) == 0 or steps.max() - steps.min() <= 10


def test_poses_that_are_no_rigid_motion_are_found() -> None:
    good = np.eye(4)
    good[:3, :3] = Rotation.from_rotvec([1, 2, 3]).as_matrix()
    bad = [
        np.full((4, 4), np.inf),
        np.full((4, 4), np.nan),
        np.diag([1.0, 1, -1, 1]),
        np.diag([2.0, 2, 2, 1]),
    ]
    assert valid_poses(np.stack([good, *bad, np.zeros((4, 4))])).tolist() == [True] + [False] * 5
    assert valid_poses(np.zeros((0, 4, 4))).tolist() == []


def test_colour_of_another_camera_at_the_same_place_is_put_on_the_depth_cameras_rays() -> None:
    # Colours are linear in the tangents of the viewing angle, so every pixel's is known.
    color_camera = np.array([[90.0, 0.0, 50.0], [0.0, 100.0, 30.0], [0.0, 0.0, 1.0]])
    depth_camera = np.array([[40.0, 0.0, 22.0], [0.0, 50.0, 14.0], [0.0, 0.0, 1.0]])

    def picture(camera: np.ndarray, width: int, height: int) -> np.ndarray:
        x = (np.arange(width) - camera[0, 2]) / camera[0, 0]
        y = (np.arange(height) - camera[1, 2]) / camera[1, 1]
        grid_y, grid_x = np.meshgrid(y, x, indexing="ij")
        return np.stack([128 + 150 * grid_x, 128 + 200 * grid_y, np.full_like(grid_x, 7)], axis=-1)

    color = picture(color_camera, 96, 72).round().astype(np.uint8)
    depth = np.full((27, 40), 2.0, np.float32)
    pose = np.eye(4)
    view = frame_view("a", color, depth, color_camera, depth_camera, pose, FrameOptions())
    error = np.abs(view.color.numpy() * 255 - picture(depth_camera, 40, 27))
    # The outermost columns and rows lie half outside the colour picture.
    assert error[1:-1, 1:-1].max() < 3.0
    # Plain resizing would be off by far more.
    plain = frame_view("a", color, depth, depth_camera * 2.4, depth_camera, pose, FrameOptions())
    assert np.abs(plain.color.numpy() * 255 - picture(depth_camera, 40, 27)).max() > 10


def test_labels_of_a_wider_depth_camera_are_those_of_the_same_ray() -> None:
    color_camera = np.array([[80.0, 0.0, 31.5], [0.0, 80.0, 23.5], [0.0, 0.0, 1.0]])
    depth_camera = np.array([[20.0, 0.0, 11.5], [0.0, 20.0, 8.5], [0.0, 0.0, 1.0]])
    labels = np.arange(48 * 64).reshape(48, 64)
    found = labels_at_depth(labels, color_camera, depth_camera, (24, 18))
    for v in range(18):
        for u in range(24):
            x, y = (u - 11.5) / 20 * 80 + 31.5, (v - 8.5) / 20 * 80 + 23.5
            inside = 0 <= round(x) < 64 and 0 <= round(y) < 48
            assert found[v, u] == (labels[round(y), round(x)] if inside else -1)
    assert (found == -1).any()


def test_text_files_with_marks_and_tables_without_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfid,name\r\n1,a\r\n2,\r\n")
    assert read_text(path).startswith("id")
    assert read_table(path, ("id", "name"), ",") == [{"id": "1", "name": "a"}, {"id": "2", "name": ""}]
    with pytest.raises(ValueError, match=r"a.csv: has no column 'kind'; its columns are \['id', 'name'\]"):
        read_table(path, ("kind",), ",")
