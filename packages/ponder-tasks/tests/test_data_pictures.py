import numpy as np
import pytest
import torch
from ponder_data import Boxes, Scene, SyntheticRooms, SyntheticRoomsConfig
from ponder_data.depth import project
from ponder_tasks.data.frame_card import thickened
from ponder_tasks.data.lines import EDGES_PER_BOX, EDGES_PER_CAMERA, box_edges, camera_edges, edge_points
from ponder_tasks.data.scene_pictures import CAMERA, HELD_OUT_CAMERA, instance_colors, scene_clouds
from ponder_tasks.report.cloud_drawing import draw_cloud, paint
from ponder_tasks.report.palette import UNLABELLED


@pytest.fixture(scope="module")
def room() -> Scene:
    config = SyntheticRoomsConfig(scenes=1, views=2, held_out_views=1, image_width=48, image_height=36)
    return SyntheticRooms(config)[0]


def test_points_lie_on_their_edges_no_farther_apart_than_asked() -> None:
    generator = np.random.default_rng(0)
    start, end = generator.random((5, 3)), generator.random((5, 3))
    points, edge = edge_points(start, end, spacing=0.03)
    for number in range(5):
        own = points[edge == number]
        assert np.allclose(own[0], start[number])
        assert np.allclose(own[-1], end[number])
        assert np.linalg.norm(np.diff(own, axis=0), axis=1).max() <= 0.03
        along = end[number] - start[number]
        assert np.allclose(np.cross(own - start[number], along), 0.0, atol=1e-12)


def test_the_edges_of_a_box_are_those_of_its_turned_corners() -> None:
    boxes = Boxes(
        center=torch.tensor([[1.0, 2.0, 3.0]]),
        size=torch.tensor([[4.0, 2.0, 1.0]]),
        heading=torch.tensor([np.pi / 2]),
        label=torch.tensor([0]),
        instance=torch.tensor([0]),
    )
    start, end = box_edges(boxes)
    assert len(start) == EDGES_PER_BOX
    lengths = np.sort(np.linalg.norm(end - start, axis=1))
    assert np.allclose(lengths, [1, 1, 1, 1, 2, 2, 2, 2, 2, 4, 4, 4, 4])  # the 13th is half the length
    corners = np.concatenate([start[:-1], end[:-1]])
    assert np.allclose(corners.min(axis=0), [0.0, 0.0, 2.5], atol=1e-6)
    assert np.allclose(corners.max(axis=0), [2.0, 4.0, 3.5], atol=1e-6)
    assert np.allclose(end[-1], [1.0, 4.0, 3.0], atol=1e-6), "the front of a box that heads to +Y"


def test_a_cameras_pyramid_ends_at_the_corners_of_its_picture(room: Scene) -> None:
    view = room.views[0]
    start, end = camera_edges((view,), 0.5)
    assert len(start) == EDGES_PER_CAMERA
    seen = project(torch.from_numpy(end[:4]).float(), view.intrinsics, view.camera_to_world)
    assert torch.allclose(seen.z, torch.tensor(0.5), atol=1e-5)
    corners = [[-0.5, -0.5], [47.5, -0.5], [47.5, 35.5], [-0.5, 35.5]]
    assert torch.allclose(seen.pixel, torch.tensor(corners), atol=1e-2)


def test_a_scene_is_drawn_by_colour_class_and_instance_and_with_its_lines(room: Scene) -> None:
    cloud, lines = scene_clouds(room, room.class_names, None)
    assert [layer.caption for layer in cloud.layers] == ["Colours", "Classes", "Instances"]
    assert {"floor", "wall"} <= {name for name, _ in cloud.legend}
    assert room.boxes is not None
    assert lines.name == "Boxes and cameras"
    assert lines.layers[0].caption == (
        f"{len(room.boxes)} boxes, each with a line to its front, 2 cameras, 1 held-out camera"
    )
    assert lines.raised == len(lines.coord) - len(cloud.coord)
    assert {("camera", CAMERA), ("held-out camera", HELD_OUT_CAMERA)} <= set(lines.legend)


def test_a_bare_cloud_has_one_picture(room: Scene) -> None:
    bare = Scene(name="bare", dataset="", coord=room.coord, color=room.color, normal=room.normal)
    clouds = scene_clouds(bare, (), None)
    assert [[layer.caption for layer in cloud.layers] for cloud in clouds] == [["Colours"]]


def test_instances_differ_and_none_is_grey() -> None:
    colors = instance_colors(np.array([7, -1, 3, 7]))
    assert colors[1].tolist() == list(UNLABELLED)
    assert np.array_equal(colors[0], colors[3])
    assert len(np.unique(colors, axis=0)) == 3


def test_lines_are_drawn_over_what_hides_them() -> None:
    generator = np.random.default_rng(0)
    cloud = generator.random((4000, 3)) * [4.0, 3.0, 2.0]
    line, _ = edge_points(np.array([[0.5, 1.5, 0.1]]), np.array([[3.5, 1.5, 0.1]]), 0.005)
    coord = np.concatenate([cloud, line])
    color = np.concatenate([np.zeros((4000, 3)), np.tile([1.0, 0.0, 0.0], (len(line), 1))])
    red = [
        int((paint(draw_cloud(coord, 300, raised), color)[..., 0] == 255).sum()) for raised in (0, len(line))
    ]
    assert red[1] > 3 * red[0]
    assert red[1] > 300  # from above and from the front over the whole length


def test_sparse_depth_becomes_thicker_with_the_nearest_on_top() -> None:
    depth = np.zeros((9, 30))
    depth[4, 10], depth[4, 13] = 5.0, 2.0
    thick = thickened(depth, picture_side=30)
    assert (thick > 0).sum() > 18
    assert thick[4, 10] == 5.0
    assert thick[4, 12] == 2.0
    assert thick[0, 0] == 0.0
