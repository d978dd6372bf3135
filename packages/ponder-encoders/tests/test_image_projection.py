"""Eq. 10: features of images at the cells that their cameras see."""

import math

import pytest
import torch
from ponder_encoders.image.cameras import CameraBatch
from ponder_encoders.image.lift import Lift
from ponder_encoders.image.projection import ProjectionLift, sample_projected
from ponder_encoders.image.voxel_grid import VoxelGrid
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

HEIGHT, WIDTH, STRIDE = 24, 32, 4
GRID = VoxelGrid(lower=(-3.0, -3.0, -1.0), upper=(3.0, 3.0, 2.0), shape=(6, 7, 3))


def around(batch: int = 2, cameras: int = 3, dtype: torch.dtype = torch.float32) -> CameraBatch:
    """Cameras a metre from the origin that look outward at different angles, slightly tilted."""
    poses = []
    for index in range(batch * cameras):
        angle = 2 * math.pi * index / cameras + 0.3 * (index // cameras)
        forward = torch.tensor([math.cos(angle), math.sin(angle), 0.1], dtype=dtype)
        forward = forward / forward.norm()
        right = torch.linalg.cross(forward, torch.tensor([0.0, 0, 1], dtype=dtype))
        right = right / right.norm()
        pose = torch.eye(4, dtype=dtype)
        pose[:3, :3] = torch.stack((right, torch.linalg.cross(forward, right), forward), dim=1)
        pose[:3, 3] = 0.5 * forward
        poses.append(pose)
    intrinsics = torch.tensor([[6.0, 0, 15.2], [0, 7, 11.7], [0, 0, 1]], dtype=dtype)
    return CameraBatch(
        images=torch.zeros(batch, cameras, 3, HEIGHT, WIDTH, dtype=dtype),
        intrinsics=intrinsics.expand(batch, cameras, 3, 3),
        camera_to_world=torch.stack(poses).view(batch, cameras, 4, 4),
    )


def random_features(cameras: CameraBatch, channels: int = 2, stride: int = STRIDE) -> Tensor:
    batch, count = cameras.images.shape[:2]
    rows, columns = math.ceil(cameras.height / stride), math.ceil(cameras.width / stride)
    generator = torch.Generator().manual_seed(0)
    return torch.randn(
        batch, count, channels, rows, columns, generator=generator, dtype=cameras.intrinsics.dtype
    )


def slow_lift(features: Tensor, cameras: CameraBatch, grid: VoxelGrid) -> tuple[Tensor, Tensor]:
    """Eq. 10 by loops over scenes, cells and cameras."""
    batch, count, channels, rows, columns = features.shape
    cells = grid.centers().double()
    volume = torch.zeros(batch, channels, len(cells), dtype=torch.float64)
    seen = torch.zeros(batch, len(cells), dtype=torch.long)
    for scene in range(batch):
        for cell, center in enumerate(cells):
            for camera in range(count):
                world_to_camera = torch.linalg.inv(cameras.camera_to_world[scene, camera].double())
                point = world_to_camera[:3, :3] @ center + world_to_camera[:3, 3]
                if point[2] <= 1e-3:
                    continue
                u, v, _ = (cameras.intrinsics[scene, camera].double() @ (point / point[2])).tolist()
                if not (-0.5 <= u <= WIDTH - 0.5 and -0.5 <= v <= HEIGHT - 0.5):
                    continue
                seen[scene, cell] += 1
                column, row = (u + 0.5) / STRIDE - 0.5, (v + 0.5) / STRIDE - 0.5
                for i in (math.floor(row), math.floor(row) + 1):
                    for j in (math.floor(column), math.floor(column) + 1):
                        weight = (1 - abs(row - i)) * (1 - abs(column - j))
                        value = features[
                            scene, camera, :, min(max(i, 0), rows - 1), min(max(j, 0), columns - 1)
                        ]
                        volume[scene, :, cell] += weight * value.double()
    volume = volume / seen.clamp(min=1)[:, None]
    return volume.view(batch, channels, *grid.shape), seen.view(batch, *grid.shape)


def test_against_a_slow_loop() -> None:
    cameras = around(dtype=torch.float64)
    features = random_features(cameras)
    volume, count = ProjectionLift(grid=GRID, stride=STRIDE).lift_and_count(features, cameras)
    expected, expected_count = slow_lift(features, cameras, GRID)
    assert torch.equal(count, expected_count)
    # Cells seen by none, one and several cameras are all among these.
    assert set(count.unique().tolist()) >= {0, 1, 2}
    torch.testing.assert_close(volume, expected)


def test_a_point_painted_into_the_images_is_found_at_its_cell() -> None:
    """A smooth bump around the image of a cell's centre: the cell itself reads its top."""
    grid = VoxelGrid(lower=(0.0, -2.0, -1.0), upper=(4.0, 2.0, 2.0), shape=(8, 8, 6))
    cameras = around(batch=1, cameras=1)
    target = (5, 3, 2)
    center = grid.centers().view(*grid.shape, 3)[target]
    in_camera = torch.linalg.inv(cameras.camera_to_world[0, 0]) @ torch.cat((center, torch.ones(1)))
    u, v, _ = (cameras.intrinsics[0, 0] @ (in_camera[:3] / in_camera[2])).tolist()
    column, row = torch.arange(WIDTH), torch.arange(HEIGHT)
    bump = torch.exp(-((column - u) ** 2 + (row[:, None] - v) ** 2) / (2 * 1.5**2))
    volume, count = ProjectionLift(grid=grid, stride=1).lift_and_count(bump[None, None, None], cameras)
    assert count[(0, *target)] == 1
    assert volume[(0, 0, *target)] > 0.85
    # Cells on the same ray read the bump too, others fall off with their distance from it in the image.
    brightest = grid.centers()[volume.flatten().argmax()]
    ray = center - cameras.camera_to_world[0, 0, :3, 3]
    off_ray = torch.linalg.cross(brightest - cameras.camera_to_world[0, 0, :3, 3], ray).norm() / ray.norm()
    assert off_ray < 0.3


def test_coordinates_are_those_of_the_stride() -> None:
    """A map that holds the image coordinates of its pixels gives back where a point falls."""
    cameras = around(batch=1, cameras=1, dtype=torch.float64)
    column = (torch.arange(WIDTH // STRIDE, dtype=torch.float64) + 0.5) * STRIDE - 0.5
    row = (torch.arange(HEIGHT // STRIDE, dtype=torch.float64) + 0.5) * STRIDE - 0.5
    features = torch.stack(torch.meshgrid(column, row, indexing="xy"))[None, None]
    pose, intrinsics = cameras.camera_to_world[0, 0], cameras.intrinsics[0, 0]
    pixels = torch.tensor([[10.0, 9.0], [2.5, 20.0], [29.0, 3.25]], dtype=torch.float64)
    depth = torch.tensor([[0.5], [2.0], [7.0]], dtype=torch.float64)
    directions = torch.cat((pixels, torch.ones(3, 1)), dim=1) @ torch.linalg.inv(intrinsics).T
    points = (directions * depth) @ pose[:3, :3].T + pose[:3, 3]
    found = sample_projected(features, cameras, points[None], stride=STRIDE)
    torch.testing.assert_close(found.features[0].T, pixels)


def test_behind_a_camera_and_outside_its_image_nothing_is_found() -> None:
    cameras = around(batch=1, cameras=1)
    pose = cameras.camera_to_world[0, 0]
    local = torch.tensor([[0.0, 0, 2], [0, 0, -2], [9, 0, 1], [0, -9, 1]])
    points = local @ pose[:3, :3].T + pose[:3, 3]
    features = torch.ones(1, 1, 2, HEIGHT // STRIDE, WIDTH // STRIDE, requires_grad=True)
    found = sample_projected(features, cameras, points[None], stride=STRIDE)
    assert found.count[0].tolist() == [1, 0, 0, 0]
    torch.testing.assert_close(found.features[0], torch.tensor([[1.0, 0, 0, 0], [1, 0, 0, 0]]))
    found.features[..., 1:].sum().backward()
    assert features.grad is not None
    assert features.grad.abs().sum() == 0


def test_the_order_of_cameras_and_the_size_of_chunks_change_nothing() -> None:
    cameras = around()
    features = random_features(cameras)
    lift = ProjectionLift(grid=GRID, stride=STRIDE)
    volume, count = lift.lift_and_count(features, cameras)
    order = torch.tensor([2, 0, 1])
    shuffled = CameraBatch(
        images=cameras.images[:, order],
        intrinsics=cameras.intrinsics[:, order],
        camera_to_world=cameras.camera_to_world[:, order],
    )
    torch.testing.assert_close(lift(features[:, order], shuffled).volume, volume)
    chunked, chunked_count = ProjectionLift(grid=GRID, stride=STRIDE, cells_per_chunk=50).lift_and_count(
        features, cameras
    )
    assert torch.equal(chunked_count, count)
    torch.testing.assert_close(chunked, volume)


def test_gradients() -> None:
    cameras = around(batch=1, cameras=2, dtype=torch.float64)
    features = random_features(cameras, channels=1, stride=8).requires_grad_()
    generator = torch.Generator().manual_seed(2)
    points = torch.rand(1, 8, 3, generator=generator, dtype=torch.float64) * 4 - 2
    intrinsics = cameras.intrinsics.clone().requires_grad_()
    assert sample_projected(features, cameras, points, stride=8).count.sum() >= 3

    def sample(features: Tensor, points: Tensor, intrinsics: Tensor) -> Tensor:
        placed = CameraBatch(
            images=cameras.images, intrinsics=intrinsics, camera_to_world=cameras.camera_to_world
        )
        return sample_projected(features, placed, points, stride=8, points_per_chunk=5).features

    assert torch.autograd.gradcheck(sample, (features, points.requires_grad_(), intrinsics))


def test_autocast_leaves_coordinates_and_sums_alone() -> None:
    cameras = around()
    features = random_features(cameras)
    lift = ProjectionLift(grid=GRID, stride=STRIDE)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = lift(features.bfloat16(), cameras).volume
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, lift(features.bfloat16().float(), cameras).volume)


def test_results_stay_on_the_device_of_the_features() -> None:
    with FakeTensorMode(), torch.device("cuda"):
        cameras = CameraBatch(
            images=torch.zeros(1, 2, 3, 900, 1600),
            intrinsics=torch.zeros(1, 2, 3, 3),
            camera_to_world=torch.zeros(1, 2, 4, 4),
        )
        grid = VoxelGrid(lower=(-54.0, -54.0, -5.0), upper=(54.0, 54.0, 3.0), shape=(180, 180, 5))
        lift: Lift = ProjectionLift(grid=grid, stride=8)
        lifted = lift(torch.zeros(1, 2, 64, 113, 200), cameras)
        assert lifted.volume.device.type == "cuda"
        assert lifted.volume.shape == (1, 64, 180, 180, 5)
        assert lifted.depth_logits is None


def test_features_that_do_not_fit_are_refused() -> None:
    cameras = around()
    features = random_features(cameras)
    points = torch.zeros(2, 5, 3)
    with pytest.raises(ValueError, match="24 pixels has 3 rows of features at stride 8, not 6"):
        sample_projected(features, cameras, points, stride=8)
    with pytest.raises(ValueError, match="24 pixels has 12 rows of features at stride 2, not 6"):
        sample_projected(features, cameras, points, stride=2)
    with pytest.raises(ValueError, match="must be .batch, cameras, channels, rows, columns."):
        sample_projected(features[:, :2], cameras, points, stride=STRIDE)
