from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from ponder_data import Rays, Scene, View, back_project, concatenate_rays, sample_rays, view_rays


def test_view_rays_end_on_the_sensed_points_row_by_row(make_view: Callable[..., View]) -> None:
    view = make_view(1)
    rays = view_rays(view, scene_index=4)
    points = back_project(view.depth, view.intrinsics, view.camera_to_world).reshape(-1, 3)
    torch.testing.assert_close(
        rays.origin + rays.distance[:, None] * rays.direction, points, atol=2e-6, rtol=0
    )
    torch.testing.assert_close(rays.direction.norm(dim=1), torch.ones(len(rays)))
    torch.testing.assert_close(rays.distance * rays.cosine, view.depth.reshape(-1))
    torch.testing.assert_close(rays.direction @ view.camera_to_world[:3, 2], rays.cosine)
    assert torch.equal(rays.color, view.color.reshape(-1, 3))
    assert view.semantic is not None
    assert torch.equal(rays.semantic, view.semantic.reshape(-1))
    assert rays.scene_index.unique().tolist() == [4]


def test_missing_depth_stays_missing_and_unknown_classes_are_ignored(make_view: Callable[..., View]) -> None:
    view = make_view(1)
    depth = view.depth.clone()
    depth[2, 3] = 0.0
    rays = view_rays(replace(view, depth=depth, semantic=None))
    assert torch.nonzero(rays.distance == 0).squeeze(1).tolist() == [2 * view.width + 3]
    assert rays.semantic.unique().tolist() == [-1]


def pixels_of(rays: Rays, view: View) -> list[int]:
    """Return which pixel of ``view`` each ray is, by its colour (colours of test views are all different)."""
    same = (rays.color[:, None] == view.color.reshape(1, -1, 3)).all(dim=2)
    assert bool((same.sum(dim=1) == 1).all())
    return same.long().argmax(dim=1).tolist()


@pytest.mark.parametrize("depth_share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("count", [5, 60, 154, 1000])
def test_sample_rays_draws_distinct_pixels_of_each_view(
    scene: Scene, count: int, depth_share: float, generator: torch.Generator
) -> None:
    views = scene.views[:2]
    per_view = min(count, views[0].height * views[0].width)
    rays = sample_rays(views, count, generator, scene_index=2, depth_share=depth_share)
    assert len(rays) == 2 * per_view
    assert rays.scene_index.unique().tolist() == [2]
    for view, first in zip(views, (0, per_view), strict=True):
        part = Rays(**{name: getattr(rays, name)[first : first + per_view] for name in Rays.__slots__})
        pixels = pixels_of(part, view)
        assert len(set(pixels)) == per_view
        whole = view_rays(view, scene_index=2)
        for name in Rays.__slots__:
            # Few rays and many are multiplied by different kernels on some processors, which round differently.
            torch.testing.assert_close(getattr(part, name), getattr(whole, name)[pixels])


@pytest.mark.parametrize(
    ("share", "sensed", "least"), [(0.5, 80, 20), (1.0, 80, 40), (1.0, 7, 7), (1.0, 0, 0)]
)
def test_depth_share_prefers_pixels_with_depth(
    scene: Scene, share: float, sensed: int, least: int, generator: torch.Generator
) -> None:
    view = scene.views[0]
    depth = torch.zeros_like(view.depth).reshape(-1)
    depth[:sensed] = 1.0
    sparse = replace(view, depth=depth.reshape(view.depth.shape))
    rays = sample_rays([sparse], 40, generator, depth_share=share)
    assert len(rays) == 40
    assert len(set(pixels_of(rays, sparse))) == 40
    assert int((rays.distance > 0).sum()) >= least


def test_without_a_share_pixels_are_drawn_uniformly(scene: Scene, generator: torch.Generator) -> None:
    view = scene.views[0]
    depth = torch.where(torch.arange(view.width) < 7, view.depth, torch.zeros_like(view.depth))
    half = replace(view, depth=depth)
    hits = [int((sample_rays([half], 20, generator).distance > 0).sum()) for _ in range(200)]
    assert sum(hits) / 200 == pytest.approx(10, abs=0.6)


def test_bad_requests_are_refused(scene: Scene, generator: torch.Generator) -> None:
    with pytest.raises(ValueError, match="there are no views"):
        sample_rays([], 4, generator)
    with pytest.raises(ValueError, match="rays_per_view is 0"):
        sample_rays(scene.views, 0, generator)
    with pytest.raises(ValueError, match=r"depth_share is 1\.5"):
        sample_rays(scene.views, 4, generator, depth_share=1.5)
    with pytest.raises(ValueError, match="no rays at all"):
        concatenate_rays([])


def test_concatenation_keeps_order(scene: Scene) -> None:
    parts = [view_rays(view, i) for i, view in enumerate(scene.views)]
    joined = concatenate_rays(parts)
    assert len(joined) == sum(len(part) for part in parts)
    assert torch.equal(joined.scene_index, torch.arange(3).repeat_interleave(154))
    assert torch.equal(joined.origin[154:308], parts[1].origin)
