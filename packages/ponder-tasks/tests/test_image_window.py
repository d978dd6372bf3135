"""Windows of pictures: a pixel still shows the point that it showed."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_data import View, project_to_view
from ponder_data.depth import project
from ponder_tasks.outdoor.image_batch import pack_images
from ponder_tasks.outdoor.image_window import (
    ImageWindowConfig,
    choose_window,
    cut_depth,
    prepare_images,
    window_intrinsics,
)
from pydantic import ValidationError


def make_view(width: int = 64, height: int = 36, seed: int = 0) -> View:
    """A picture of noise with depth at a tenth of its pixels."""
    generator = torch.Generator().manual_seed(seed)
    depth = 1 + 50 * torch.rand(height, width, generator=generator)
    return View(
        name="CAM_FRONT",
        color=torch.rand(height, width, 3, generator=generator),
        depth=depth * (torch.rand(height, width, generator=generator) < 0.1),
        intrinsics=torch.tensor([[50.0, 0, 30.7], [0, 51.0, 17.2], [0, 0, 1]]),
        camera_to_world=torch.eye(4),
    )


@settings(max_examples=30, deadline=None)
@given(
    width=st.integers(8, 150), share=st.floats(0.2, 1.0), zoom=st.floats(1.0, 1.5), seed=st.integers(0, 99)
)
def test_a_point_moves_as_the_scaled_and_cut_picture_says(
    width: int, share: float, zoom: float, seed: int
) -> None:
    view = make_view()
    config = ImageWindowConfig(width=width, height=max(1, int(share * width * 36 / 64)), zoom=(zoom, zoom))
    window = choose_window(view, config, torch.Generator().manual_seed(seed))
    points = torch.tensor([[0.3, -0.2, 2.0], [-1.0, 1.0, 9.0], [4.0, 0.5, 30.0]])
    before = project_to_view(points, view).pixel
    after = project(points, window_intrinsics(view, window), view.camera_to_world).pixel
    # Edges of pixels, not centres, are what scaling keeps in proportion.
    factor = torch.tensor([window.scaled_width / view.width, window.scaled_height / view.height])
    corner = torch.tensor([window.left, window.top])
    torch.testing.assert_close(after, (before + 0.5) * factor - 0.5 - corner, atol=2e-4, rtol=1e-4)
    assert 0 <= window.left <= window.scaled_width - width
    assert window.top + window.height == window.scaled_height


def test_without_scaling_the_window_is_the_lower_part_of_the_picture() -> None:
    view = make_view()
    images = prepare_images([view], ImageWindowConfig(width=64, height=30), None, with_depth=True)
    expected = (view.color[6:] * 255).round() / 255
    torch.testing.assert_close(images.color[0].permute(1, 2, 0) / 255, expected)
    assert images.depth is not None
    torch.testing.assert_close(images.depth[0], view.depth[6:])
    assert images.intrinsics[0, 1, 2] == pytest.approx(11.2)
    assert images.intrinsics[0, 0, 2] == pytest.approx(30.7)


def test_shrunk_pictures_average_pixels() -> None:
    view = make_view()
    images = prepare_images([view], ImageWindowConfig(width=32, height=18), None, with_depth=False)
    assert images.depth is None
    ours = images.color[0].float().mean() / 255
    assert float(ours) == pytest.approx(float(view.color.mean()), abs=0.01)
    assert float(images.color.float().std()) / 255 < 0.7 * float(view.color.std())


@pytest.mark.parametrize("zoom", [1.0, 1.3])
@pytest.mark.parametrize("width", [24, 64, 100])
def test_depth_goes_where_a_loop_puts_it(width: int, zoom: float) -> None:
    view = make_view()
    config = ImageWindowConfig(width=width, height=int(0.8 * width * 36 / 64), zoom=(zoom, zoom))
    window = choose_window(view, config, torch.Generator().manual_seed(3))
    expected = torch.zeros(window.height, window.width)
    for row in range(view.height):
        for column in range(view.width):
            depth = float(view.depth[row, column])
            v = int((row + 0.5) * window.scaled_height / view.height) - window.top
            u = int((column + 0.5) * window.scaled_width / view.width) - window.left
            if depth > 0 and 0 <= v < window.height and 0 <= u < window.width:
                known = float(expected[v, u])
                expected[v, u] = min(depth, known) if known > 0 else depth
    torch.testing.assert_close(cut_depth(view, window), expected)


def test_training_varies_and_evaluation_does_not() -> None:
    view, config = make_view(), ImageWindowConfig(width=40, height=20, zoom=(1.0, 1.5))
    drawn = {choose_window(view, config, torch.Generator().manual_seed(seed)) for seed in range(8)}
    assert len(drawn) > 4
    middle = choose_window(view, config, None)
    assert (middle.scaled_width, middle.left) == (40, 0)


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(ValueError, match=r"64 x 36 when scaled, but the window has 50 rows"):
        choose_window(make_view(), ImageWindowConfig(width=64, height=50), None)
    with pytest.raises(ValueError, match="no pictures"):
        prepare_images([], ImageWindowConfig(), None, with_depth=False)
    with pytest.raises(ValidationError, match="none below 1"):
        ImageWindowConfig(zoom=(0.9, 1.1))


def test_packing_stacks_scenes() -> None:
    config = ImageWindowConfig(width=32, height=16)
    scenes = [
        prepare_images([make_view(seed=s), make_view(seed=s + 1)], config, None, with_depth=True)
        for s in (0, 5)
    ]
    batch = pack_images(scenes)
    assert len(batch) == 2
    assert batch.color.shape == (2, 2, 3, 16, 32)
    assert batch.depth is not None
    torch.testing.assert_close(batch.depth[1], scenes[1].depth)
    cameras = batch.to("cpu").cameras()
    assert 0 <= float(cameras.images.min()) < 0.3 < 0.7 < float(cameras.images.max()) <= 1
    fewer = prepare_images([make_view()], config, None, with_depth=True)
    with pytest.raises(ValueError, match="leave out scenes that lack a camera"):
        pack_images([scenes[0], fewer])
    without = prepare_images([make_view(), make_view()], config, None, with_depth=False)
    with pytest.raises(ValueError, match="1 of 2 scenes have depth"):
        pack_images([scenes[0], without])
    with pytest.raises(ValueError, match="no scenes"):
        pack_images([])
