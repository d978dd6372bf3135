"""Where points fall in pictures, and the cells of volumes."""

import jaxtyping
import pytest
import torch
from ponder_encoders.image.cameras import CameraBatch, project
from ponder_encoders.image.voxel_grid import VoxelGrid

WIDTH, HEIGHT = 40, 30


def looking_along_x(cameras: int = 1) -> CameraBatch:
    """Cameras at (0, 0, 1) that look along the world's x axis: x right is -y of the world, y down is -z."""
    pose = torch.tensor([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 1], [0, 0, 0, 1]])
    intrinsics = torch.tensor([[20.0, 0, 19.5], [0, 20, 14.5], [0, 0, 1]])
    return CameraBatch(
        images=torch.zeros(1, cameras, 3, HEIGHT, WIDTH),
        intrinsics=intrinsics.expand(1, cameras, 3, 3),
        camera_to_world=pose.expand(1, cameras, 4, 4),
    )


def test_known_points_are_found_at_their_pixels() -> None:
    points = torch.tensor([[[2.0, 0, 1], [2, -1, 1], [2, 0, 0.5], [-2, 0, 1], [2, 0, 5], [0, 0, 1]]])
    found = project(points, looking_along_x())
    assert found.seen[0, 0].tolist() == [True, True, True, False, False, False]
    torch.testing.assert_close(found.depth[0, 0, :5], torch.tensor([2.0, 2, 2, -2, 2]))
    torch.testing.assert_close(
        found.pixel[0, 0, :3], torch.tensor([[19.5, 14.5], [29.5, 14.5], [19.5, 19.5]])
    )


def test_an_image_ends_half_a_pixel_beyond_its_outermost_centres() -> None:
    # At depth 1 a metre is 20 pixels: the left border of the image, -0.5, is one metre to the left.
    points = torch.tensor([[[1.0, 0.999, 1], [1, 1.001, 1], [1, -0.999, 1], [1, -1.001, 1]]])
    assert project(points, looking_along_x()).seen[0, 0].tolist() == [True, False, True, False]


def test_points_behind_a_camera_have_finite_gradients() -> None:
    points = torch.tensor([[[2.0, 0, 1], [-2, 0, 1], [0, 0, 1]]], requires_grad=True)
    found = project(points, looking_along_x())
    found.pixel.sum().backward()
    assert points.grad is not None
    assert torch.isfinite(points.grad).all()
    assert points.grad[0, 1:].abs().sum() == 0


def test_pixels_are_as_exact_under_autocast() -> None:
    points = torch.tensor([[[2.013, 0.377, 1.1], [5.21, -1.03, 0.62]]])
    exact = project(points, looking_along_x())
    with torch.autocast("cpu", torch.bfloat16):
        found = project(points, looking_along_x())
    assert torch.equal(found.pixel, exact.pixel)


def test_projection_agrees_with_the_inverse_matrix() -> None:
    generator = torch.Generator().manual_seed(0)
    rotation, _ = torch.linalg.qr(torch.randn(2, 3, 3, 3, generator=generator, dtype=torch.float64))
    pose = torch.eye(4, dtype=torch.float64).repeat(2, 3, 1, 1)
    pose[..., :3, :3] = rotation
    pose[..., :3, 3] = torch.randn(2, 3, 3, generator=generator, dtype=torch.float64)
    intrinsics = looking_along_x().intrinsics.double().expand(2, 3, 3, 3)
    points = torch.randn(2, 50, 3, generator=generator, dtype=torch.float64) * 3
    found = project(
        points,
        CameraBatch(images=torch.zeros(2, 3, 3, HEIGHT, WIDTH), intrinsics=intrinsics, camera_to_world=pose),
    )
    homogeneous = torch.cat((points, torch.ones(2, 50, 1, dtype=torch.float64)), dim=-1)
    in_camera = torch.einsum("bcij,bpj->bcpi", torch.linalg.inv(pose), homogeneous)[..., :3]
    expected = torch.einsum("bcij,bcpj->bcpi", intrinsics, in_camera)
    torch.testing.assert_close(found.depth, in_camera[..., 2])
    front = in_camera[..., 2] > 1e-3
    torch.testing.assert_close(found.pixel[front], (expected[..., :2] / expected[..., 2:])[front])
    assert found.seen.any()


def test_cameras_that_do_not_fit_are_refused() -> None:
    batch = looking_along_x(cameras=2)
    with pytest.raises((ValueError, jaxtyping.TypeCheckError), match=r"intrinsics"):
        CameraBatch(
            images=batch.images, intrinsics=batch.intrinsics[:, :1], camera_to_world=batch.camera_to_world
        )


def test_cells_lie_as_in_a_volume() -> None:
    grid = VoxelGrid(lower=(-1.0, 0.0, 2.0), upper=(1.0, 3.0, 4.0), shape=(4, 3, 1))
    assert grid.cell_size == (0.5, 1.0, 2.0)
    centers = grid.centers().view(4, 3, 1, 3)
    torch.testing.assert_close(centers[1, 2, 0], torch.tensor([-0.25, 2.5, 3.0]))


def test_an_empty_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="lower < upper"):
        VoxelGrid(lower=(0.0, 0.0, 0.0), upper=(1.0, 0.0, 1.0), shape=(1, 1, 1))
