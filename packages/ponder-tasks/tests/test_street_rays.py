"""Which pixels are rendered: returns first, near ones never, open space not too often."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_data import SampleConfig
from ponder_tasks.outdoor.box import BoxConfig
from ponder_tasks.outdoor.rays import (
    SortedPixels,
    StreetRaysConfig,
    draw_pixels,
    draw_street_rays,
    sort_pixels,
)
from test_open_space import view_of

HIGHEST = 0.2


def test_pixels_are_sorted_by_what_their_returns_say() -> None:
    depth = torch.zeros(9, 9)
    depth[6, 2], depth[6, 4], depth[6, 6] = 2.0, 10.0, 60.0
    pixels = sort_pixels(view_of(depth), HIGHEST, BoxConfig(), StreetRaysConfig())
    assert pixels.sensed.tolist() == [6 * 9 + 4]
    assert 6 * 9 + 6 in pixels.open.tolist(), "nothing lies in the box on the way to a return beyond it"
    every = torch.cat((pixels.sensed, pixels.open, pixels.unknown)).tolist()
    assert sorted([*every, 6 * 9 + 2]) == list(range(81)), "all but the near one, each once"


def pixel_sets(sensed: int, opened: int, unknown: int) -> SortedPixels:
    every = torch.arange(sensed + opened + unknown)
    first, second, third = every.split([sensed, opened, unknown])
    return SortedPixels(sensed=first, open=second, unknown=third)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50)),
    count=st.integers(1, 80),
    depth_share=st.floats(0, 1),
    open_share=st.floats(0, 1),
)
def test_drawn_pixels(sizes: tuple[int, int, int], count: int, depth_share: float, open_share: float) -> None:
    pixels = pixel_sets(*sizes)
    drawn, is_open = draw_pixels(pixels, count, depth_share, open_share, torch.Generator().manual_seed(1))
    assert len(set(drawn.tolist())) == len(drawn) <= count
    assert torch.equal(torch.isin(drawn, pixels.open), is_open)
    sensed = int(torch.isin(drawn, pixels.sensed).sum())
    assert sensed == min(round(depth_share * count), sizes[0])
    assert int(is_open.sum()) <= round((count - sensed) * open_share)


def test_the_share_of_open_space_is_no_more_than_there_is() -> None:
    drawn, is_open = draw_pixels(pixel_sets(0, 10, 90), 50, 0.5, 0.4, torch.Generator())
    assert (len(drawn), int(is_open.sum())) == (50, 5)


def test_rays_of_a_scene_come_from_its_views_and_open_ones_have_no_distance() -> None:
    depth = torch.zeros(9, 9)
    depth[6, :] = 60.0
    depth[7, :] = 10.0
    sample = SampleConfig(views_per_scene=2, rays_per_view=40, depth_share=0.2)
    arguments = ([view_of(depth)] * 2, HIGHEST, BoxConfig(), sample, StreetRaysConfig())
    drawn = draw_street_rays(*arguments, torch.Generator().manual_seed(0))
    assert len(drawn.rays) == len(drawn.open) == 80
    assert drawn.open.any()
    assert (drawn.rays.distance[drawn.open] == 0).all()
    assert int((drawn.rays.distance > 0).sum()) == 16
    again = draw_street_rays(*arguments, torch.Generator().manual_seed(0))
    assert torch.equal(drawn.rays.direction, again.rays.direction)
