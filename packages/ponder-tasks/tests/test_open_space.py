"""Open sky in pictures, told by the LiDAR: against closed forms and against what synthetic streets know."""

import math

import pytest
import torch
from driving_scenes import small_streets
from ponder_data import SyntheticStreets, View, view_rays
from ponder_tasks.outdoor.open_space import elevation_of_pixels, highest_beam, open_pixels
from torch import Tensor

LEVEL = torch.tensor([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
"""A camera that looks along +y of the world, its picture upright."""


def view_of(depth: Tensor, focal: float = 20.0) -> View:
    height, width = depth.shape
    intrinsics = torch.tensor([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1.0]])
    return View(
        name="front",
        color=torch.zeros(height, width, 3),
        depth=depth,
        intrinsics=intrinsics,
        camera_to_world=LEVEL,
    )


def test_elevations_are_those_of_the_rays() -> None:
    view = SyntheticStreets(small_streets())[0].views[3]
    expected = torch.asin(view_rays(view).direction[:, 2]).reshape(view.height, view.width)
    assert torch.allclose(elevation_of_pixels(view), expected, atol=1e-5)


def test_the_highest_beam_is_where_returns_end() -> None:
    elevation = torch.linspace(-30, 10, 4001).deg2rad()
    coord = torch.stack([30 * elevation.cos(), torch.zeros(4001), 30 * elevation.sin()], dim=1)
    assert math.degrees(highest_beam(coord)) == pytest.approx(10, abs=0.1)


def test_sky_begins_over_the_highest_return_unless_that_is_the_highest_beam() -> None:
    depth = torch.zeros(21, 40)
    depth[15, :] = 10.0  # the road, in all columns
    depth[4, :10] = 10.0  # on the left something as high as the LiDAR sees
    view = view_of(depth, focal=60.0)
    elevation = elevation_of_pixels(view)
    found = open_pixels(view, highest=float(elevation[4, :10].max()) + 0.01, margin=0.05)
    assert not found[:, :10].any()
    assert not found[11:].any(), "under the horizon nothing is sky"
    assert found[:9, 15:].all()


def test_a_picture_without_returns_is_not_judged() -> None:
    assert not open_pixels(view_of(torch.zeros(21, 40)), highest=0.2, margin=0.05).any()


def test_what_is_called_sky_in_streets_is_sky() -> None:
    size = {"image_width": 100, "image_height": 56, "seed": 3}
    seen = SyntheticStreets(small_streets(**size))[0]
    known = SyntheticStreets(small_streets(**size, depth="rendered"))[0]
    highest = highest_beam(seen.coord)
    called = [open_pixels(view, highest, math.radians(2)) for view in seen.views]
    true_sky = [view.depth == 0 for view in known.views]
    said = torch.stack(called)
    right = said & torch.stack(true_sky)
    assert right.sum() > 0.95 * said.sum()
    assert said.sum() > 0.2 * torch.stack(true_sky).sum()
