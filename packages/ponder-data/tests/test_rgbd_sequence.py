import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from ponder_data import ColorCameraConfig, RgbdSequence, RgbdSequenceConfig, Scene, Scenes, project_to_view
from ponder_data.datasets.rgbd_sequence import resized_intrinsics
from pydantic import ValidationError

WIDTH, HEIGHT = 64, 48
INTRINSICS = np.array([[60.0, 0.0, 31.5], [0.0, 60.0, 23.5], [0.0, 0.0, 1.0]])
# A box of a room, 4 x 3 x 2.5 m, that the cameras stand in; z is up.
LOW, HIGH = np.array([-2.0, -1.5, 0.0]), np.array([2.0, 1.5, 2.5])


def camera_pose(turn: float, pitch: float = 0.35) -> np.ndarray:
    """Return the pose of a camera in the room's middle that looks to ``turn`` and down by ``pitch``."""
    forward = np.array([np.cos(turn) * np.cos(pitch), np.sin(turn) * np.cos(pitch), -np.sin(pitch)])
    right = np.array([np.sin(turn), -np.cos(turn), 0.0])
    pose = np.eye(4)
    pose[:3, :3] = np.stack((right, np.cross(forward, right), forward), axis=1)
    pose[:3, 3] = [0.1, -0.2, 1.3]
    return pose


def room_pictures(pose: np.ndarray, intrinsics: np.ndarray = INTRINSICS) -> tuple[np.ndarray, np.ndarray]:
    """Return colour (by place) and depth in millimetres of the empty room."""
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    rays = np.stack((u, v, np.ones_like(u)), axis=-1) @ np.linalg.inv(intrinsics).T @ pose[:3, :3].T
    wall = np.where(rays > 0, HIGH, LOW) - pose[:3, 3]
    with np.errstate(divide="ignore"):
        z = np.min(np.where(rays == 0, np.inf, wall / rays), axis=-1)
    places = pose[:3, 3] + rays * z[..., None]
    return ((places - LOW) / (HIGH - LOW) * 255).round().astype(np.uint8), (z * 1000).round().astype(
        np.uint16
    )


@dataclass
class Folder:
    """A folder of frames that tests write and break."""

    path: Path
    world: np.ndarray

    def write(self, number: int, turn: float) -> None:
        pose = camera_pose(turn)
        color, depth = room_pictures(pose)
        stem = self.path / f"frame-{number:06d}"
        Image.fromarray(color).save(f"{stem}.color.png")
        Image.fromarray(depth).save(f"{stem}.depth.png")
        np.savetxt(f"{stem}.pose.txt", self.world @ pose)

    def write_many(self, frames: int) -> None:
        for number in range(frames):
            self.write(number, 0.3 * number)

    def file(self, number: int, kind: str) -> Path:
        return self.path / f"frame-{number:06d}.{kind}"

    def open(self, **settings: object) -> RgbdSequence:
        return RgbdSequence(RgbdSequenceConfig.model_validate({"path": self.path, **settings}))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    np.savetxt(tmp_path / "camera-intrinsics.txt", INTRINSICS)
    return Folder(tmp_path, np.eye(4))


def names(scene: Scene) -> tuple[list[int], list[int]]:
    """Return the frame numbers of views and held-out views."""
    return [int(view.name[-6:]) for view in scene.views], [
        int(view.name[-6:]) for view in scene.held_out_views
    ]


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


def broken_pose(
    rotation: object = None, value: float | None = None, bottom: float | None = None
) -> np.ndarray:
    pose = camera_pose(0.3)
    if value is not None:
        pose[1, 3] = value
    if bottom is not None:
        pose[3, 0] = bottom
    if rotation is not None:
        pose[:3, :3] = pose[:3, :3] @ np.diag(np.asarray(rotation, dtype=float))
    return pose


@pytest.mark.parametrize(
    "pose",
    [
        pytest.param(broken_pose(value=np.nan), id="NaN"),
        pytest.param(broken_pose(value=-np.inf), id="infinite"),
        pytest.param(broken_pose(bottom=0.1), id="bottom row"),
        pytest.param(broken_pose(rotation=[1, 1, 1.1]), id="scaled"),
        pytest.param(broken_pose(rotation=[1, 1, -1]), id="mirrored"),
        pytest.param(np.zeros((4, 4)), id="zeros"),
        pytest.param(np.eye(3), id="3x3"),
    ],
)
def test_bad_poses_are_dropped_with_a_warning(folder: Folder, pose: np.ndarray) -> None:
    folder.write_many(6)
    np.savetxt(folder.file(2, "pose.txt"), pose)
    with pytest.warns(UserWarning, match=r"dropped 1 of 6 frames: 1 with bad pose"):
        scenes = folder.open(held_out_every=0, up="z")
    assert names(scenes[0])[0] == [0, 1, 3, 4, 5]


def test_poses_of_few_digits_become_exact_rotations(folder: Folder) -> None:
    folder.write_many(3)
    np.savetxt(folder.file(1, "pose.txt"), camera_pose(0.3), fmt="%.3f")
    view = folder.open(held_out_every=0, up="z")[0].views[1]
    rotation = view.camera_to_world[:3, :3].double()
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(3).double(), atol=1e-6, rtol=0)


def cut_off(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def shrink(path: Path) -> None:
    Image.open(path).resize((WIDTH // 2, HEIGHT // 2), Image.Resampling.NEAREST).save(path)


def grey(path: Path) -> None:
    Image.new("L", (WIDTH, HEIGHT)).save(path)


@pytest.mark.parametrize(
    ("kind", "damage", "reason"),
    [
        ("color.png", cut_off, "picture unreadable or cut off"),
        ("depth.png", cut_off, "picture unreadable or cut off"),
        ("color.png", empty, "picture unreadable or cut off"),
        ("depth.png", grey, "picture unreadable or cut off"),
        ("pose.txt", empty, "bad pose"),
        ("color.png", shrink, "colour and depth of different size"),
        ("color.png", Path.unlink, "colour or pose file absent"),
        ("pose.txt", Path.unlink, "colour or pose file absent"),
    ],
)
def test_damaged_frames_are_dropped_with_a_warning(
    folder: Folder, kind: str, damage: Callable[[Path], None], reason: str
) -> None:
    folder.write_many(5)
    damage(folder.file(3, kind))
    with pytest.warns(UserWarning, match=f"dropped 1 of 5 frames: 1 with {reason}"):
        scenes = folder.open(held_out_every=0, up="z")
    assert names(scenes[0])[0] == [0, 1, 2, 4]


def test_one_warning_counts_all_reasons(folder: Folder) -> None:
    folder.write_many(9)
    for number in (1, 2, 3):
        np.savetxt(folder.file(number, "pose.txt"), np.full((4, 4), np.nan))
    cut_off(folder.file(5, "color.png"))
    for kind in ("color.png", "depth.png"):
        shrink(folder.file(7, kind))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        folder.open(up="z")
    assert len(caught) == 1
    text = str(caught[0].message)
    for part in (
        "dropped 5 of 9",
        "3 with bad pose",
        "1 with picture unreadable",
        "1 with another size than 64x48",
    ):
        assert part in text


def test_bytes_after_the_end_of_a_picture_do_no_harm(folder: Folder) -> None:
    folder.write_many(2)
    path = folder.file(1, "color.png")
    path.write_bytes(path.read_bytes() + b"\0" * 100)
    assert len(folder.open(held_out_every=0, up="z")[0].views) == 2


def test_damage_inside_a_file_is_an_error_that_names_it(folder: Folder) -> None:
    folder.write_many(2)
    path = folder.file(1, "color.png")
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    path.write_bytes(bytes(whole))
    scenes = folder.open(held_out_every=0, up="z")
    with pytest.raises(ValueError, match=r"frame-000001\.color\.png: cannot be read as a picture"):
        scenes[0]


def test_a_folder_without_usable_frames_is_refused(folder: Folder) -> None:
    folder.write_many(2)
    for number in (0, 1):
        np.savetxt(folder.file(number, "pose.txt"), np.zeros((4, 4)))
    with pytest.raises(ValueError, match=r"none of 2 frames is usable: 2 with bad pose"):
        folder.open()


def test_depth_that_is_all_missing_is_refused(folder: Folder) -> None:
    folder.write_many(3)
    for number, value in enumerate((0, 65535, 9000)):
        Image.fromarray(np.full((HEIGHT, WIDTH), value, dtype=np.uint16)).save(
            folder.file(number, "depth.png")
        )
    with pytest.raises(ValueError, match=r"depth is all missing in all 3 frames .*check depth_scale"):
        folder.open()


def test_folders_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="path is not set"):
        RgbdSequence(RgbdSequenceConfig())
    with pytest.raises(ValueError, match=r"nowhere: no such folder"):
        RgbdSequence(RgbdSequenceConfig(path=tmp_path / "nowhere"))
    with pytest.raises(ValueError, match=r"holds no frame-NNNNNN\.depth\.png"):
        RgbdSequence(RgbdSequenceConfig(path=tmp_path))


@pytest.mark.parametrize("text", ["", "1 2 3", "0 0 1 0 1 1 0 0 1", "a b c", "nan 0 1 0 1 1 0 0 1"])
def test_bad_intrinsics_are_refused(folder: Folder, text: str) -> None:
    folder.write_many(1)
    (folder.path / "camera-intrinsics.txt").write_text(text)
    with pytest.raises(ValueError, match=r"camera-intrinsics\.txt: "):
        folder.open()


def test_missing_intrinsics_are_refused(folder: Folder) -> None:
    folder.write_many(1)
    (folder.path / "camera-intrinsics.txt").unlink()
    with pytest.raises(ValueError, match=r"camera-intrinsics\.txt: cannot be read"):
        folder.open()


@pytest.mark.parametrize(
    "settings",
    [{"depth_range": (2.0, 1.0)}, {"held_out_every": 1}, {"frames_per_scene": 0}, {"voxel": 0}, {"strid": 2}],
)
def test_bad_settings_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RgbdSequenceConfig.model_validate(settings)


def disagreement(scene: Scene) -> tuple[float, float]:
    """Return median depth and mean colour difference between held-out views and the cloud of the others."""
    depths, colors = [], []
    for view in scene.held_out_views:
        seen = project_to_view(scene.coord, view)
        pixel = seen.pixel.round().long()
        u, v = pixel[:, 0], pixel[:, 1]
        inside = (seen.z > 0) & (u >= 0) & (u < view.width) & (v >= 0) & (v < view.height)
        u, v, z, color = u[inside], v[inside], seen.z[inside], scene.color[inside]
        near = (view.depth[v, u] > 0) & ((view.depth[v, u] - z).abs() < 0.1)
        assert near.sum() > 1000
        depths.append((view.depth[v, u] - z)[near].abs())
        colors.append((view.color[v, u] - color)[near].abs())
    return float(torch.cat(depths).median()), float(torch.cat(colors).mean())


def test_the_real_kitchen_is_level_and_its_frames_agree(shared_data: Path) -> None:
    path = shared_data / "rgbd_kitchen"
    scene = RgbdSequence(RgbdSequenceConfig(path=path, split="val", image_width=160))[0]
    assert len(scene.views) == 61
    assert len(scene.held_out_views) == 9
    floor = scene.coord[(scene.normal[:, 2] > 0.95) & (scene.coord[:, 2] < scene.coord[:, 2].min() + 0.15)]
    assert len(floor) > 2000
    # A plane through the floor is horizontal within 1.5 degrees (the walls have a vote too).
    centred = (floor - floor.mean(dim=0)).double()
    normal = torch.linalg.eigh(centred.T @ centred).eigenvectors[:, 0]
    assert normal[2].abs() > np.cos(np.radians(1.5))
    depth, color = disagreement(scene)
    assert depth < 0.03
    # Its colours are not registered to depth; with the Kinect's colour camera they agree far better.
    config = RgbdSequenceConfig(path=path, split="val", image_width=160, color_camera=ColorCameraConfig())
    registered_depth, registered_color = disagreement(RgbdSequence(config)[0])
    assert registered_depth == depth
    assert registered_color < 0.85 * color
