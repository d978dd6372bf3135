from collections.abc import Callable
from dataclasses import replace

import torch
from ponder_data import View, fuse_views, project_to_view


def facing_wall(view: View, shift: float = 0.0) -> View:
    """Return the view as one of a white wall, 2 m away, from a camera moved aside by ``shift`` metres."""
    pose = torch.eye(4)
    pose[0, 3] = shift
    ones = torch.ones(40, 60)
    intrinsics = torch.tensor([[50.0, 0.0, 29.5], [0.0, 50.0, 19.5], [0.0, 0.0, 1.0]])
    return replace(
        view,
        color=ones[..., None].expand(40, 60, 3),
        depth=2.0 * ones,
        camera_to_world=pose,
        intrinsics=intrinsics,
        semantic=None,
        instance=None,
    )


def test_fused_points_lie_on_the_surface_one_per_voxel(
    make_view: Callable[..., View], generator: torch.Generator
) -> None:
    views = [facing_wall(make_view(0), shift) for shift in (0.0, 0.5)]
    cloud = fuse_views(views, voxel=0.1, max_points=10_000, generator=generator)
    torch.testing.assert_close(cloud.coord[:, 2], torch.full((len(cloud),), 2.0))
    torch.testing.assert_close(cloud.normal, torch.tensor([0.0, 0.0, -1.0]).expand(len(cloud), 3))
    cells = torch.floor(cloud.coord.double() / 0.1)
    assert len(torch.unique(cells, dim=0)) == len(cloud)
    # Both views together: 58 x 38 pixels of 4 cm with a normal each, 0.5 m apart.
    columns, rows = int((57 * 0.04 + 0.5) / 0.1), int(37 * 0.04 / 0.1)
    assert columns * rows <= len(cloud) <= (columns + 2) * (rows + 2)
    for view in views:
        assert (project_to_view(cloud.coord, view).z > 0).all()


def test_the_cap_draws_at_random(make_view: Callable[..., View]) -> None:
    view = facing_wall(make_view(0))
    clouds = [fuse_views([view], 0.05, 50, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert [len(cloud) for cloud in clouds] == [50, 50, 50]
    assert torch.equal(clouds[0].coord, clouds[1].coord)
    assert not torch.equal(clouds[0].coord, clouds[2].coord)


def test_missing_depth_and_edges_give_no_points(
    make_view: Callable[..., View], generator: torch.Generator
) -> None:
    view = facing_wall(make_view(0))
    depth = view.depth.clone()
    depth[:, 30:] = 4.0
    depth[:10] = 0.0
    cloud = fuse_views([replace(view, depth=depth)], 0.001, 10_000, generator)
    # Rows 11 to 38 have neighbours above and below; columns 29 and 30 lie at the edge.
    assert len(cloud) == 28 * (28 + 28)
    assert len(fuse_views([replace(view, depth=0 * depth)], 0.1, 100, generator)) == 0
    assert len(fuse_views([], 0.1, 100, generator)) == 0
