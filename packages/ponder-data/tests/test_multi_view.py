from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from ponder_data import (
    MultiViewConfig,
    MultiViewFolder,
    detect_layout,
    open_dataset,
    project_to_view,
    write_points_ply,
)
from ponder_data.datasets.projection_matrix import split_projection
from scipy.spatial.transform import Rotation

# A ball of 10 units about this place; the unit sphere of the files is twice as large.
CENTRE, RADIUS, SPHERE = np.array([30.0, -20.0, 50.0]), 10.0, 20.0
SIZE = 60
INTRINSICS = np.array([[90.0, 0.0, 29.0], [0.0, 88.0, 30.5], [0.0, 0.0, 1.0]])


def poses(views: int) -> list[np.ndarray]:
    """Return cameras around the ball that look at it from three heights, in the files' world."""
    found = []
    for view in range(views):
        turn, pitch = 2.4 * view, 0.7 * (view % 3 - 1)
        forward = -np.array([np.cos(turn) * np.cos(pitch), np.sin(turn) * np.cos(pitch), np.sin(pitch)])
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        pose = np.eye(4)
        pose[:3, :3] = np.stack((right, np.cross(forward, right), forward), axis=1)
        pose[:3, 3] = CENTRE - 50.0 * forward
        found.append(pose)
    return found


def write_folder(
    path: Path, views: int = 12, masks: bool = True, cameras: str = "cameras_sphere.npz"
) -> Path:
    (path / "image").mkdir(parents=True)
    (path / "mask").mkdir()
    scale = np.diag([SPHERE, SPHERE, SPHERE, 1.0])
    scale[:3, 3] = CENTRE
    arrays: dict[str, Any] = {}
    for number, pose in enumerate(poses(views)):
        camera = np.eye(4)
        camera[:3, :3] = INTRINSICS
        # Any factor, also a negative one, projects alike.
        arrays[f"world_mat_{number}"] = camera @ np.linalg.inv(pose) * (-1.5 if number % 2 else 1.0)
        arrays[f"scale_mat_{number}"] = scale
        v, u = np.mgrid[:SIZE, :SIZE]
        ray = np.stack((u, v, np.ones_like(u)), axis=-1) @ np.linalg.inv(INTRINSICS).T @ pose[:3, :3].T
        ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
        away = pose[:3, 3] - CENTRE
        along = ray @ away
        below = along**2 - away @ away + RADIUS**2
        place = away + (-along - np.sqrt(below.clip(0)))[..., None] * ray
        color = np.where(below[..., None] > 0, 0.5 + 0.45 * place / RADIUS, 0.0)
        Image.fromarray((color * 255).clip(0, 255).round().astype(np.uint8)).save(
            path / "image" / f"{number:06d}.png"
        )
        if masks:
            Image.fromarray(np.where(below > 0, 255, 0).astype(np.uint8)).save(
                path / "mask" / f"{number:03d}.png"
            )
    np.savez(path / cameras, **arrays)
    return path


def opened(path: Path, **settings: Any) -> MultiViewFolder:
    return MultiViewFolder(MultiViewConfig(path=path, hull_cells=32, **settings))


def test_views_have_the_cameras_of_the_files_in_the_frame_of_the_sphere(tmp_path: Path) -> None:
    views = opened(write_folder(tmp_path)).views()
    for view, pose in zip(views, poses(12), strict=True):
        torch.testing.assert_close(
            view.intrinsics.double(), torch.from_numpy(INTRINSICS), rtol=1e-5, atol=1e-4
        )
        expected = pose.copy()
        expected[:3, 3] = (pose[:3, 3] - CENTRE) / SPHERE
        np.testing.assert_allclose(view.camera_to_world.numpy(), expected, atol=1e-5)
        assert view.semantic is not None
        assert 0.2 < (view.semantic == 1).float().mean() < 0.5
        assert (view.depth == 0).all()


def test_the_cloud_is_the_hull_of_the_masks_with_the_colours_of_the_views(tmp_path: Path) -> None:
    scenes = opened(write_folder(tmp_path))
    scene = scenes[0]
    assert scene.class_names == scenes.class_names == ("background", "object")
    radius = scene.coord.norm(dim=1)
    # Cells are 1/16; twelve outlines leave corners a little outside the ball.
    assert radius.min() > 0.5 - 1.5 / 16
    assert radius.max() < 0.72
    assert abs(float(radius.median()) - 0.5) < 1 / 16
    outward = (scene.normal * scene.coord).sum(dim=1) / radius
    assert outward.median() > 0.95
    error = (scene.color - (0.5 + 0.45 * scene.coord / radius[:, None])).abs()
    assert error.median() < 0.08
    for view in scene.views:
        assert view.semantic is not None
        pixel = project_to_view(scene.coord, view).pixel.round().long()
        inside = ((pixel >= 0) & (pixel < SIZE)).all(dim=1)
        assert (view.semantic[pixel[inside, 1], pixel[inside, 0]] == 1).all()


def test_scenes_in_metres_stand_where_the_files_say(tmp_path: Path) -> None:
    path = write_folder(tmp_path)
    scene = opened(path, metres_per_unit=0.01, up="x")[0]
    middle = torch.tensor([-0.2, 0.5, 0.3])  # of the ball, 0.1 m in radius: x became z
    assert (scene.coord.mean(dim=0) - middle).norm() < 0.01
    assert (scene.coord - middle).norm(dim=1).median() == pytest.approx(0.1, abs=0.013)
    for view in scene.views:
        middle_pixel = project_to_view(middle[None], view).pixel[0]
        torch.testing.assert_close(middle_pixel, view.intrinsics[:2, 2], atol=2e-2, rtol=0)


def test_only_val_shows_the_held_out_views(tmp_path: Path) -> None:
    path = write_folder(tmp_path)
    train, val = opened(path, held_out_every=4)[0], opened(path, held_out_every=4, split="val")[0]
    assert [view.name for view in val.held_out_views] == ["000002", "000006", "000010"]
    assert (len(train.views), len(train.held_out_views)) == (9, 0)
    assert torch.equal(train.coord, val.coord)


def test_smaller_pictures_see_the_same(tmp_path: Path) -> None:
    path = write_folder(tmp_path)
    full, small = opened(path).views()[0], opened(path, image_width=20).views()[0]
    assert (small.width, small.height) == (20, 20)
    place = torch.tensor([[0.1, 0.2, -0.1]])
    there, here = (project_to_view(place, view).pixel + 0.5 for view in (full, small))
    torch.testing.assert_close(here, there / 3, atol=1e-4, rtol=0)
    half = opened(path, pixel_centers="half").views()[0]
    torch.testing.assert_close(half.intrinsics[:2, 2], full.intrinsics[:2, 2] - 0.5)


def test_folders_without_masks_read_the_points_beside(tmp_path: Path) -> None:
    path = write_folder(tmp_path, masks=False, cameras="cameras.npz")
    scenes = opened(path)
    with pytest.raises(ValueError, match=r"has no masks \(mask/\) and no points"):
        scenes[0]
    direction = torch.nn.functional.normalize(
        torch.randn(200, 3, generator=torch.Generator().manual_seed(0)), dim=1
    )
    far = torch.tensor([[900.0, 0.0, 0.0]])
    coord = torch.cat((RADIUS * direction + torch.from_numpy(CENTRE).float(), far))
    write_points_ply(path / "sparse_points.ply", coord, torch.rand(201, 3))
    scene = scenes[0]
    torch.testing.assert_close(scene.coord, direction / 2, atol=1e-5, rtol=0)
    assert scene.views[0].semantic is None


def test_broken_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"path is not set"):
        MultiViewFolder(MultiViewConfig())
    with pytest.raises(ValueError, match=r"holds no cameras_sphere\.npz or cameras\.npz"):
        opened(tmp_path)
    path = write_folder(tmp_path / "a")
    (path / "mask" / "003.png").unlink()
    with pytest.raises(ValueError, match=r"has 12 pictures in image/ and 11 in mask/"):
        opened(path)
    (path / "image" / "000003.png").rename(path / "image" / "000099.png")
    with np.load(path / "cameras_sphere.npz") as cameras:
        np.savez(
            path / "cameras_sphere.npz",
            **{name: cameras[name] for name in cameras.files if "_11" not in name},
        )
    (path / "mask" / "099.png").write_bytes((path / "mask" / "000.png").read_bytes())
    with pytest.raises(ValueError, match=r"has no world_mat_11, but there are 12 pictures"):
        opened(path)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**31), factor=st.sampled_from([-3.0, 0.01, 700.0]))
def test_projection_matrices_are_taken_apart(seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    intrinsics = np.array(
        [[rng.uniform(50, 3000), rng.normal(), rng.normal() * 300], [0, rng.uniform(50, 3000), 7], [0, 0, 1]]
    )
    rotation, centre = Rotation.from_rotvec(rng.normal(size=3) * 2).as_matrix(), rng.normal(size=3) * 10
    projection = factor * intrinsics @ rotation @ np.column_stack((np.eye(3), -centre))
    found, pose = split_projection(projection)
    np.testing.assert_allclose(found, intrinsics, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(pose[:3, :3], rotation.T, atol=1e-8)
    np.testing.assert_allclose(pose[:3, 3], centre, atol=1e-6)


def test_a_matrix_of_no_camera_is_refused() -> None:
    with pytest.raises(ValueError, match="is no projection matrix of a camera"):
        split_projection(np.zeros((3, 4)))


def test_the_real_dtu_scan_is_told_and_its_hull_fills_its_masks(shared_data: Path) -> None:
    path = shared_data / "dtu_scan24"
    assert detect_layout(path).name == "multi-view"
    assert len(open_dataset(path)) == 1
    scene = opened(path, image_width=100, pixel_centers="half", split="val")[0]
    assert (len(scene.views), len(scene.held_out_views)) == (43, 6)
    assert len(scene) > 1000
    for view in scene.held_out_views:
        assert view.semantic is not None
        pixel = project_to_view(scene.coord, view).pixel.round().long()
        inside = ((pixel >= 0) & (pixel < torch.tensor([view.width, view.height]))).all(dim=1)
        assert (view.semantic[pixel[inside, 1], pixel[inside, 0]] == 1).float().mean() > 0.9
