import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_render import Bounds, RayBundle, intersect, scene_bounds

UNIT = Bounds(lower=torch.zeros(1, 3), upper=torch.ones(1, 3))


def one_ray(origin: list[float], direction: list[float]) -> RayBundle:
    return RayBundle(
        origin=torch.tensor([origin]),
        direction=torch.tensor([direction]),
        volume_index=torch.zeros(1, dtype=torch.long),
    )


@pytest.mark.parametrize(
    ("origin", "direction", "near", "far"),
    [
        ([-1.0, 0.5, 0.5], [1.0, 0.0, 0.0], 1.0, 2.0),
        ([0.5, 0.5, 0.5], [0.0, 0.0, -1.0], 0.0, 0.5),
        ([0.5, 0.5, 3.0], [0.0, 0.0, -2.0], 1.0, 1.5),
        ([0.0, 0.0, 0.5], [1.0, 0.0, 0.0], 0.0, 1.0),
    ],
    ids=["from outside", "from inside", "longer direction", "along a face"],
)
def test_hits(origin: list[float], direction: list[float], near: float, far: float) -> None:
    span = intersect(one_ray(origin, direction), UNIT)
    assert bool(span.hit)
    assert span.near.item() == pytest.approx(near)
    assert span.far.item() == pytest.approx(far)


@pytest.mark.parametrize(
    ("origin", "direction"),
    [
        ([2.0, 0.5, 0.5], [1.0, 0.0, 0.0]),
        ([-1.0, 2.0, 0.5], [1.0, 0.0, 0.0]),
        ([-1.0, -1.0, 0.5], [1.0, 0.2, 0.0]),
        ([0.5, 0.5, 0.5], [0.0, 0.0, 0.0]),
    ],
    ids=["box behind", "parallel beside", "passing by", "no direction"],
)
def test_misses_are_flagged_and_empty(origin: list[float], direction: list[float]) -> None:
    span = intersect(one_ray(origin, direction), UNIT)
    assert not bool(span.hit)
    assert span.near.item() == span.far.item() == 0


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000))
def test_span_agrees_with_points_tried_along_each_ray(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    lower = torch.rand(3, 3, generator=generator, dtype=torch.float64) * 4 - 2
    bounds = Bounds(
        lower=lower, upper=lower + 0.2 + torch.rand(3, 3, generator=generator, dtype=torch.float64)
    )
    rays = RayBundle(
        origin=torch.rand(20, 3, generator=generator, dtype=torch.float64) * 4 - 2,
        direction=torch.randn(20, 3, generator=generator, dtype=torch.float64),
        volume_index=torch.arange(20) % 3,
    )
    span = intersect(rays, bounds)
    for ray in range(20):
        t = torch.linspace(0, 20, 4001, dtype=torch.float64)
        point = rays.origin[ray] + t[:, None] * rays.direction[ray]
        box = rays.volume_index[ray]
        inside = ((point >= bounds.lower[box]) & (point <= bounds.upper[box])).all(dim=1)
        expected = (t >= span.near[ray]) & (t <= span.far[ray]) & span.hit[ray]
        edge = (t - span.near[ray]).abs().minimum((t - span.far[ray]).abs()) < 1e-9
        assert bool((inside == expected)[~edge].all())


def test_fixed_extent_is_centred_and_stands_on_the_floor() -> None:
    bounds = scene_bounds(
        torch.tensor([[0.0, 0.0, -1.0]]), torch.tensor([[4.0, 2.0, 1.5]]), (6.0, 6.0, 3.0), margin=0.25
    )
    assert bounds.lower.tolist() == [[-1.0, -2.0, -1.25]]
    assert bounds.upper.tolist() == [[5.0, 4.0, 1.75]]


def test_fitted_box_has_a_margin_on_every_side() -> None:
    bounds = scene_bounds(torch.zeros(1, 3), torch.ones(1, 3), None, margin=0.5)
    assert bounds.lower.tolist() == [[-0.5] * 3]
    assert bounds.upper.tolist() == [[1.5] * 3]


def test_a_box_without_volume_is_an_error_with_its_numbers() -> None:
    flat = torch.tensor([[1.0, 1.0, 0.0]])
    with pytest.raises(ValueError, match=r"volume 0: the box from \[0.0, 0.0, 0.0\] to \[1.0, 1.0, 0.0\]"):
        scene_bounds(torch.zeros(1, 3), flat, None, margin=0.0)
