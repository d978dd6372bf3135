import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ponder_data import Scene, View, back_project, normals_from_depth, project, project_to_view
from torch import Tensor

INTRINSICS = torch.tensor([[60.0, 0.5, 31.0], [0.0, 62.0, 22.0], [0.0, 0.0, 1.0]], dtype=torch.float64)


def plane_depth(normal: Tensor, offset: float, height: int = 46, width: int = 64) -> Tensor:
    """Return the z-depth of the plane ``normal . p = offset`` in the camera's frame."""
    depth = torch.zeros(height, width, dtype=torch.float64)
    for v in range(height):
        for u in range(width):
            ray = torch.linalg.inv(INTRINSICS) @ torch.tensor([u, v, 1.0], dtype=torch.float64)
            depth[v, u] = offset / float(normal @ ray)
    return depth


def test_back_project_equals_the_pixel_by_pixel_formula(make_view: Callable[..., View]) -> None:
    view = make_view(3)
    points = back_project(view.depth, view.intrinsics, view.camera_to_world)
    inverse = torch.linalg.inv(view.intrinsics.double())
    for v in range(view.height):
        for u in range(view.width):
            local = inverse @ torch.tensor([u, v, 1.0], dtype=torch.float64) * float(view.depth[v, u])
            world = view.camera_to_world.double() @ torch.cat((local, torch.ones(1, dtype=torch.float64)))
            torch.testing.assert_close(points[v, u].double(), world[:3], atol=2e-5, rtol=0)


@given(seed=st.integers(0, 10_000))
def test_project_undoes_back_project(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    pose = torch.eye(4, dtype=torch.float64)
    pose[:3, :3] = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64)).Q
    pose[:3, 3] = torch.randn(3, generator=generator, dtype=torch.float64)
    depth = 0.5 + torch.rand(7, 9, generator=generator, dtype=torch.float64)
    seen = project(back_project(depth, INTRINSICS, pose).reshape(-1, 3), INTRINSICS, pose)
    v, u = torch.meshgrid(torch.arange(7), torch.arange(9), indexing="ij")
    torch.testing.assert_close(seen.pixel, torch.stack((u, v), dim=-1).reshape(-1, 2).double())
    torch.testing.assert_close(seen.z, depth.reshape(-1))


def test_points_behind_or_in_the_camera_plane_stay_finite(scene: Scene) -> None:
    view = scene.views[0]
    forward = view.camera_to_world[:3, 2]
    behind = view.camera_to_world[:3, 3] + torch.stack((-forward, torch.zeros(3)))
    seen = project_to_view(behind, view)
    assert seen.z[0] < 0
    assert bool(torch.isfinite(seen.pixel).all())


@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize(
    "normal",
    [
        pytest.param([0.0, 0.0, -1.0], id="facing"),
        pytest.param([0.3, -0.2, -1.0], id="slanted"),
        pytest.param([0.0, -1.0, -0.01], id="floor seen at a grazing angle"),
    ],
)
def test_normals_of_a_plane_are_exact_and_face_the_camera(normal: list[float], step: int) -> None:
    truth = torch.nn.functional.normalize(torch.tensor(normal, dtype=torch.float64), dim=0)
    depth = plane_depth(truth, -1.2)
    depth[(depth <= 0) | (depth > 30)] = 0.0
    found = normals_from_depth(depth, INTRINSICS, step=step)
    assert found.valid.sum() > 0.3 * (depth > 0).sum()
    expected = truth.expand(int(found.valid.sum()), 3)
    torch.testing.assert_close(found.normal[found.valid], expected, atol=1e-9, rtol=0)
    assert bool((found.normal[~found.valid] == 0).all())


def test_normals_of_a_sphere_point_from_its_centre() -> None:
    center, radius = torch.tensor([0.1, -0.1, 3.0], dtype=torch.float64), 1.5
    v, u = torch.meshgrid(torch.arange(46.0), torch.arange(64.0), indexing="ij")
    pixels = torch.stack((u, v, torch.ones_like(u)), dim=-1).double()
    rays = torch.nn.functional.normalize(pixels @ torch.linalg.inv(INTRINSICS).T, dim=-1)
    along = rays @ center
    reach = along**2 - center @ center + radius**2
    distance = torch.where(reach > 0, along - reach.clamp(min=0).sqrt(), torch.zeros_like(along))
    depth = distance * rays[..., 2]
    found = normals_from_depth(depth, INTRINSICS)
    truth = (rays * distance[..., None] - center) / radius
    cosine = (found.normal * truth).sum(dim=-1)[found.valid]
    assert found.valid.sum() > 500
    # Central differences cut the corner near the rim, where the sphere curves away.
    assert cosine.median() > math.cos(math.radians(0.2))
    assert cosine.min() > math.cos(math.radians(8.0))


def test_normals_are_invalid_at_edges_and_beside_missing_depth() -> None:
    depth = torch.full((20, 30), 2.0, dtype=torch.float64)
    depth[:, 15:] = 3.0
    depth[4, 4] = 0.0
    found = normals_from_depth(depth, INTRINSICS)
    assert not found.valid[1:-1, 14:16].any()
    assert not found.valid[4, 3:6].any()
    assert not found.valid[3:6, 4].any()
    assert not found.valid[[0, -1]].any()
    assert not found.valid[:, [0, -1]].any()
    clear = torch.ones(20, 30, dtype=torch.bool)
    clear[[0, -1]] = clear[:, [0, -1]] = clear[:, 14:16] = False
    clear[3:6, 4] = clear[4, 3:6] = False
    assert torch.equal(found.valid, clear)


def test_pictures_smaller_than_the_neighbourhood_have_no_normals() -> None:
    assert not normals_from_depth(torch.ones(2, 50, dtype=torch.float64), INTRINSICS).valid.any()


def test_a_step_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="step is 0"):
        normals_from_depth(torch.ones(5, 5, dtype=torch.float64), INTRINSICS, step=0)
