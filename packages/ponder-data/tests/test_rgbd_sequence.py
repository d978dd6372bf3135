import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from ponder_data import Scenes, project_to_view
from ponder_data.datasets.rgbd_sequence import resized_intrinsics

from .rgbd_room_folder import HEIGHT, HIGH, INTRINSICS, LOW, WIDTH, Folder, camera_pose, names, room_pictures


def test_frames_become_a_scene_of_the_room(folder: Folder) -> None:
    folder.write_many(20)
    scenes = folder.open(split="val", up="z")
    assert isinstance(scenes, Scenes)
    assert (len(scenes), scenes.name, scenes.class_names) == (1, "rgbd", ())
    scene = scenes[0]
    assert names(scene) == ([i for i in range(20) if i % 8 != 4], [4, 12])
    inside = torch.from_numpy(LOW - 0.01).float(), torch.from_numpy(HIGH + 0.01).float()
    assert bool(((scene.coord > inside[0]) & (scene.coord < inside[1])).all())
    # All points lie on a wall, their normals point into the room, and their colours tell their places.
    to_wall = torch.minimum(scene.coord - torch.from_numpy(LOW), torch.from_numpy(HIGH) - scene.coord)
    assert to_wall.min(dim=1).values.max() < 0.01
    assert ((scene.normal * (torch.tensor([0.1, -0.2, 1.3]) - scene.coord)).sum(dim=1) > 0).all()
    places = scene.color.double() * torch.from_numpy(HIGH - LOW) + torch.from_numpy(LOW)
    torch.testing.assert_close(places, scene.coord.double(), atol=0.02, rtol=0)
    for view in scene.views:
        assert view.source == "camera"
        assert (view.height, view.width) == (HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("length", "windows"), [(None, [20]), (20, [20]), (8, [7, 6, 7]), (9, [7, 6, 7]), (1, [1] * 20)]
)
def test_windows_cover_all_frames_once(folder: Folder, length: int | None, windows: list[int]) -> None:
    folder.write_many(20)
    scenes = folder.open(split="val", frames_per_scene=length, held_out_every=4, up="z")
    found = [names(scenes[i]) for i in range(len(scenes))]
    assert [len(views) + len(held_out) for views, held_out in found] == windows
    assert sorted(number for views, held_out in found for number in views + held_out) == list(range(20))
    assert all(views for views, _ in found)


def test_train_and_val_share_scenes_but_train_never_shows_held_out_frames(folder: Folder) -> None:
    folder.write_many(16)
    train, val = (
        folder.open(split=split, frames_per_scene=8, held_out_every=3, up="z") for split in ("train", "val")
    )
    assert len(train) == len(val) == 2
    for i in range(2):
        assert names(train[i]) == (names(val[i])[0], [])
        assert len(names(val[i])[1]) == 3
        assert torch.equal(train[i].coord, val[i].coord)
        assert train[i].name == val[i].name


def test_nothing_is_held_out_on_request(folder: Folder) -> None:
    folder.write_many(5)
    assert names(folder.open(split="val", held_out_every=0, up="z")[0]) == ([0, 1, 2, 3, 4], [])


def test_stride_takes_every_nth_frame(folder: Folder) -> None:
    folder.write_many(10)
    assert names(folder.open(frame_stride=3, held_out_every=0, up="z")[0])[0] == [0, 3, 6, 9]


def test_missing_and_far_depth_is_zero(folder: Folder) -> None:
    folder.write(0, 0.0)
    _, depth = room_pictures(camera_pose(0.0))
    depth[5, 6], depth[7, 8], depth[20, 20] = 0, 65535, 50
    Image.fromarray(depth).save(folder.file(0, "depth.png"))
    view = folder.open(depth_range=(0.1, 2.0), held_out_every=0, up="z")[0].views[0]
    metres = depth.astype(np.float32) / 1000
    usable = (metres >= 0.1) & (metres <= 2.0)
    assert not usable[[5, 7, 20], [6, 8, 20]].any()
    np.testing.assert_array_equal(view.depth.numpy(), np.where(usable, metres, 0))


def test_depth_scale_divides(folder: Folder) -> None:
    folder.write(0, 0.0)
    view = folder.open(depth_scale=2000, held_out_every=0, up="z")[0].views[0]
    np.testing.assert_allclose(view.depth.numpy(), room_pictures(camera_pose(0.0))[1] / 2000, rtol=1e-6)


@given(ratio=st.floats(0.1, 3), u=st.floats(0, 63), z=st.floats(0.5, 5))
def test_resized_intrinsics_follow_pixel_centres(ratio: float, u: float, z: float) -> None:
    new = (max(1, round(WIDTH * ratio)), max(1, round(HEIGHT * ratio)))
    old_k = torch.from_numpy(INTRINSICS)
    new_k = resized_intrinsics(old_k, (WIDTH, HEIGHT), new)
    point = torch.linalg.inv(old_k) @ torch.tensor([u, u / 2, 1.0], dtype=torch.float64) * z
    image = (new_k @ point) / z
    assert float(image[0]) == pytest.approx((u + 0.5) * new[0] / WIDTH - 0.5)
    assert float(image[1]) == pytest.approx((u / 2 + 0.5) * new[1] / HEIGHT - 0.5)


@pytest.mark.parametrize(
    "settings", [{"image_width": 32}, {"image_height": 24}, {"image_width": 32, "image_height": 24}]
)
def test_smaller_pictures_show_the_same_room(folder: Folder, settings: dict[str, int]) -> None:
    folder.write(0, 0.4)
    full = folder.open(held_out_every=0, up="z")[0].views[0]
    small = folder.open(held_out_every=0, up="z", **settings)[0].views[0]
    assert (small.height, small.width) == (24, 32)
    # Each colour is the mean of the four pixels it covers; each depth one of the four.
    mean = full.color.reshape(24, 2, 32, 2, 3).mean(dim=(1, 3))
    torch.testing.assert_close(small.color, mean, atol=1.1 / 255, rtol=0)
    four = full.depth.reshape(24, 2, 32, 2).permute(0, 2, 1, 3).reshape(24, 32, 4)
    assert bool((four == small.depth[..., None]).any(dim=2).all())


def test_colours_of_another_camera_come_to_the_pixels_of_their_places(folder: Folder) -> None:
    folder.write(0, 0.4)
    pose = camera_pose(0.4)
    beside = pose.copy()
    beside[:3, 3] += pose[:3, :3] @ [0.2, 0.05, 0.0]
    other = np.array([[45.0, 0.0, 30.0], [0.0, 46.0, 25.0], [0.0, 0.0, 1.0]])
    Image.fromarray(room_pictures(beside, other)[0]).save(folder.file(0, "color.png"))
    # One missing depth must not cost the pixel its colour.
    _, depth = room_pictures(pose)
    depth[20, 30] = 0
    Image.fromarray(depth).save(folder.file(0, "depth.png"))
    camera = {"focal": (45.0, 46.0), "center": (30.0, 25.0), "position": (0.2, 0.05, 0.0)}
    truth = torch.from_numpy(room_pictures(pose)[0]).float() / 255
    error = {}
    for name, settings in {"as it is": {}, "registered": {"color_camera": camera}}.items():
        view = folder.open(held_out_every=0, up="z", **settings)[0].views[0]
        error[name] = (view.color - truth).abs().amax(dim=2)
    assert error["as it is"].median() > 0.05
    assert error["registered"].median() < 0.005
    assert error["registered"][20, 30] < 0.02


def test_a_colour_camera_in_the_same_place_changes_nothing(folder: Folder) -> None:
    folder.write_many(1)
    camera = {"focal": (60.0, 60.0), "center": (31.5, 23.5), "position": (0.0, 0.0, 0.0)}
    for width in (None, 32):
        settings = {"held_out_every": 0, "up": "z", "image_width": width}
        plain, registered = (
            folder.open(**settings, **more)[0].views[0] for more in ({}, {"color_camera": camera})
        )
        torch.testing.assert_close(registered.color, plain.color, atol=1e-4, rtol=0)


@pytest.mark.parametrize("up", ["x", "-x", "y", "-y", "z", "-z"])
def test_the_named_axis_becomes_z(folder: Folder, up: str) -> None:
    axis = "xyz".index(up[-1])
    # Axes permuted in a circle take z to `axis`; half a turn about another axis then turns its sign.
    world = np.eye(4)
    world[:3, :3] = np.roll(np.eye(3), axis - 2, axis=0)
    if up.startswith("-"):
        half = -np.eye(4)
        half[(axis + 1) % 3, (axis + 1) % 3] = half[3, 3] = 1.0
        world = half @ world
    folder.world = world
    folder.write_many(10)
    scene = folder.open(up=up)[0]
    floor = scene.coord[scene.normal[:, 2] > 0.99]
    assert len(floor) > 500
    assert floor[:, 2].abs().max() < 0.01
    assert scene.coord[:, 2].min() > -0.01


def test_auto_levels_a_tilted_world(folder: Folder) -> None:
    angle = np.radians(26.0)
    tilt = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    axes = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    folder.world = np.eye(4)
    folder.world[:3, :3] = tilt @ axes
    folder.world[:3, 3] = [0.5, 0.2, -1.0]
    folder.write_many(20)
    scene = folder.open()[0]
    floor = scene.coord[scene.normal[:, 2] > 0.95]
    assert len(floor) > 500
    assert floor[:, 2].max() - floor[:, 2].min() < 0.03
    assert scene.coord[:, 2].min() == floor[:, 2].min()
    for view in scene.views:
        seen = project_to_view(floor, view)
        assert bool(torch.isfinite(seen.pixel).all())
