from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from ponder_data import ColmapConfig, ColmapModels, Scene, detect_layout, open_dataset, project_to_view
from ponder_data.datasets.undistortion import pinhole_inside
from scipy.spatial.transform import Rotation

from .rgbd_room_folder import HIGH, LOW, camera_pose

pycolmap = pytest.importorskip("pycolmap", reason="not installed: it comes with the extra colmap")

WIDTH, HEIGHT, FOCAL = 96, 72, 60.0
# COLMAP counts from the corner of the first pixel.
CAMERAS = {
    "PINHOLE": f"{FOCAL} {FOCAL + 2} 48.0 36.0",
    "SIMPLE_RADIAL": f"{FOCAL} 48.0 36.0 0.12",
    "OPENCV_FISHEYE": f"{FOCAL} {FOCAL} 48.0 36.0 0.05 0.01 0 0",
}
# The model's world: y down, as COLMAP leaves it, three times too large, turned and moved.
TO_MODEL = np.diag([3.0, 3.0, 3.0, 1.0]) @ np.array(
    [[1, 0, 0, 1], [0, 0, -1, 2], [0, 1, 0, 3], [0, 0, 0, 1.0]]
)
TURNS = [0.25 * number for number in range(9)]


def walls(places: np.ndarray) -> np.ndarray:
    """Return the colour of places on the walls of the room."""
    return (places - LOW) / (HIGH - LOW)


def picture(camera: Any, pose: np.ndarray) -> np.ndarray:
    """Return what a lens sees of the room: each pixel's colour is that of the place which its ray meets."""
    v, u = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    plane = np.asarray(camera.cam_from_img(np.stack((u, v), axis=-1).reshape(-1, 2)))
    rays = np.concatenate((plane, np.ones((len(plane), 1))), axis=1) @ pose[:3, :3].T
    away = np.where(rays > 0, HIGH, LOW) - pose[:3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        along = np.where(rays == 0, np.inf, away / rays).min(axis=1, keepdims=True)
    return (
        (walls(pose[:3, 3] + along * rays).clip(0, 1) * 255)
        .round()
        .astype(np.uint8)
        .reshape(HEIGHT, WIDTH, 3)
    )


def room_points(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    points = LOW + rng.random((count, 3)) * (HIGH - LOW)
    side = rng.integers(0, 6, count)
    points[np.arange(count), side // 2] = np.where(side % 2 == 0, LOW[side // 2], HIGH[side // 2])
    return points


def write_model(path: Path, lens: str = "PINHOLE", folder: str = "sparse/0") -> Path:
    """Write a model of the room as text, with pictures."""
    model = path / folder
    model.mkdir(parents=True)
    (path / "images" / "left").mkdir(parents=True, exist_ok=True)
    (model / "cameras.txt").write_text(f"# Camera list\n1 {lens} {WIDTH} {HEIGHT} {CAMERAS[lens]}\n")
    values = [float(word) for word in CAMERAS[lens].split()]
    camera = pycolmap.Camera(model=lens, width=WIDTH, height=HEIGHT, params=values)
    points = room_points(400)
    tracks: list[list[str]] = [[] for _ in points]
    images = ["# Image list"]
    for number, turn in enumerate(TURNS):
        pose = camera_pose(turn)
        name = f"left/{number}.png"
        Image.fromarray(picture(camera, pose)).save(path / "images" / name)
        local = (points - pose[:3, 3]) @ pose[:3, :3]
        local = np.where(local[:, 2:] > 0.1, local, np.nan)
        pixel = np.full((len(points), 2), np.nan)
        ahead = np.flatnonzero(np.isfinite(local[:, 2]))
        pixel[ahead] = camera.img_from_cam(local[ahead])
        seen = np.flatnonzero(((pixel > 0) & (pixel < [WIDTH, HEIGHT])).all(axis=1))
        world = TO_MODEL @ pose
        rotation = (world[:3, :3] / 3.0).T
        x, y, z, w = Rotation.from_matrix(rotation).as_quat()
        motion = " ".join(map(repr, map(float, (w, x, y, z, *(-rotation @ world[:3, 3])))))
        images += [
            f"{number + 1} {motion} 1 {name}",
            " ".join(f"{pixel[i, 0]} {pixel[i, 1]} {i + 1}" for i in seen),
        ]
        for place, i in enumerate(seen):
            tracks[i].append(f"{number + 1} {place}")
    (model / "images.txt").write_text("\n".join(images) + "\n")
    rows = []
    for i, track in enumerate(tracks):
        if track:
            place = TO_MODEL[:3] @ np.append(points[i], 1.0)
            color = (walls(points[i]) * 255).round().astype(int)
            error = 9.0 if i % 10 == 0 else 0.5
            rows.append(" ".join(map(str, [i + 1, *place, *color, error, *track])))
    (model / "points3D.txt").write_text("\n".join(rows) + "\n")
    return path


def opened(path: Path, **settings: Any) -> ColmapModels:
    values = {"path": path, "metres_per_unit": 1 / 3, "up": "-y", **settings}
    return ColmapModels(ColmapConfig.model_validate(values))


def in_room(scene: Scene, coord: torch.Tensor) -> np.ndarray:
    """Return points of the scene in the room: the model's turn undone, and its shift."""
    moved = coord.double().numpy()
    # The model took z to -y and y to z; -y up takes them back, x as it was.
    return moved - np.array([1.0, 3.0, -2.0])


@pytest.mark.parametrize("binary", [False, True])
def test_points_and_cameras_are_those_of_the_model(tmp_path: Path, binary: bool) -> None:
    path = write_model(tmp_path)
    if binary:
        model = pycolmap.Reconstruction(str(path / "sparse/0"))
        for file in (path / "sparse/0").iterdir():
            file.unlink()
        model.write_binary(str(path / "sparse/0"))
    scene = opened(path, split="val")[0]
    assert [view.name for view in scene.held_out_views] == ["left/4"]
    for view in scene.views:
        pose = camera_pose(TURNS[int(view.name[-1])])
        np.testing.assert_allclose(view.camera_to_world[:3, :3].numpy(), pose[:3, :3], atol=1e-5)
        np.testing.assert_allclose(in_room(scene, view.camera_to_world[:3, 3]), pose[:3, 3], atol=1e-5)
        np.testing.assert_allclose(
            view.intrinsics.numpy(), [[60, 0, 47.5], [0, 62, 35.5], [0, 0, 1]], atol=1e-4
        )
    places = in_room(scene, scene.coord)
    # Points of large error are left out, and those that the held-out view made.
    assert 60 < len(places) < 200
    known = room_points(400)
    nearest = np.linalg.norm(known[:, None] - places[None], axis=2).argmin(axis=0)
    np.testing.assert_allclose(known[nearest], places, atol=1e-5)
    assert (nearest % 10 != 0).all()
    np.testing.assert_allclose(scene.color.numpy(), walls(places), atol=3e-3)
    # Seen from inside.
    middle = torch.from_numpy(np.array([1.0, 3.0, -2.0]) + (LOW + HIGH) / 2).float()
    assert (((middle - scene.coord) * scene.normal).sum(dim=1) > 0).float().mean() > 0.95


@pytest.mark.parametrize("lens", list(CAMERAS))
@pytest.mark.parametrize("width", [None, 48])
def test_undistorted_pictures_show_what_their_rays_meet(tmp_path: Path, lens: str, width: int | None) -> None:
    scene = opened(write_model(tmp_path, lens), image_width=width, held_out_every=0)[0]
    for view in scene.views[::3]:
        assert view.width == (width or WIDTH)
        pose = camera_pose(TURNS[int(view.name[-1])])
        pinhole = pycolmap.Camera(
            model="PINHOLE",
            width=WIDTH,
            height=HEIGHT,
            params=[
                float(view.intrinsics[0, 0]),
                float(view.intrinsics[1, 1]),
                *(view.intrinsics[:2, 2] + 0.5).tolist(),
            ],
        )
        expected = picture(pinhole, pose)[: view.height, : view.width].astype(float) / 255
        error = np.abs(view.color.numpy() - expected).max(axis=-1)
        # Pixels on the edges of the room blend two walls.
        assert np.quantile(error, 0.9) < 0.02
        assert error.mean() < 0.01
        # Depth is that of points at their pixels.
        seen = view.depth > 0
        assert 20 < int(seen.sum()) < 300
        v, u = (index.numpy() for index in seen.nonzero(as_tuple=True))
        rays = np.stack((u, v, np.ones_like(u)), axis=-1) @ np.linalg.inv(view.intrinsics.double().numpy()).T
        places = pose[:3, 3] + view.depth[seen].double().numpy()[:, None] * rays @ pose[:3, :3].T
        off = np.linalg.norm(places[:, None] - room_points(400)[None], axis=2).min(axis=1)
        assert off.max() < 0.75 * 4.0 / float(view.intrinsics[0, 0])


def test_the_held_out_view_adds_no_point(tmp_path: Path) -> None:
    path = write_model(tmp_path)
    train, val = opened(path, least_views=1)[0], opened(path, least_views=1, split="val")[0]
    assert torch.equal(train.coord, val.coord)
    assert train.held_out_views == ()
    seen = torch.zeros(len(train), dtype=torch.bool)
    for view in train.views:
        found = project_to_view(train.coord, view)
        inside = ((found.pixel > -0.5) & (found.pixel < torch.tensor([WIDTH - 0.5, HEIGHT - 0.5]))).all(dim=1)
        seen |= inside & (found.z > 0)
    assert seen.all()
    assert len(opened(path, least_views=1, held_out_every=0)[0]) >= len(train)


def test_each_model_is_a_scene_and_up_is_guessed_from_the_cameras(tmp_path: Path) -> None:
    path = write_model(write_model(tmp_path), folder="sparse/1")
    assert detect_layout(path).name == "colmap"
    scenes = open_dataset(path)
    assert len(scenes) == 2
    # Cameras that look down a little, all around a third of the circle: up is up, roughly.
    up = torch.stack([-view.camera_to_world[:3, 1] for view in scenes[0].views]).mean(dim=0)
    assert up[2] > 0.9 * up.norm()


def test_lenses_that_bend_too_much_are_refused() -> None:
    with pytest.raises(ValueError, match="leave nothing of a picture"):
        pinhole_inside(lambda rays: 1e3 + rays[:, :2], np.eye(3), (8, 8))


def test_broken_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="path is not set"):
        ColmapModels(ColmapConfig())
    with pytest.raises(ValueError, match=r"holds no model; expected cameras\.bin or \.txt"):
        opened(tmp_path)
    path = write_model(tmp_path)
    with pytest.raises(ValueError, match=r"0 points are seen by at least 99 views"):
        opened(path, least_views=99)[0]
    (path / "images" / "left" / "2.png").unlink()
    with pytest.raises(ValueError, match=r"2\.png: cannot be read as a picture"):
        opened(path)[0]
    (path / "sparse/0/cameras.txt").write_text("1 BOX 3 3 3\n")
    with pytest.raises(ValueError, match=r"cannot be read as a model of COLMAP"):
        opened(path)[0]
    (path / "images").rename(path / "pictures")
    with pytest.raises(ValueError, match=r"images: no such folder; set images"):
        opened(path)
    assert len(opened(path, images=path / "pictures")) == 1
