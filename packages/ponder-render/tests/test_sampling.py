import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_render import SamplerConfig
from ponder_render.bounds import RaySpan
from ponder_render.sampling.distances import (
    depth_guided_distances,
    importance_distances,
    intervals,
    merge_distances,
    stratified,
    uniform_distances,
)


@pytest.fixture
def span() -> RaySpan:
    return RaySpan(
        near=torch.tensor([0.0, 1.0, 0.0]),
        far=torch.tensor([4.0, 2.0, 0.0]),
        hit=torch.tensor([True, True, False]),
    )


def test_without_jitter_samples_are_the_middles_of_equal_strata(span: RaySpan) -> None:
    distance = uniform_distances(span, 4)
    assert distance.tolist() == [[0.5, 1.5, 2.5, 3.5], [1.125, 1.375, 1.625, 1.875], [0.0] * 4]


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 1000), count=st.integers(1, 40))
def test_jittered_samples_stay_each_in_its_stratum(seed: int, count: int) -> None:
    unit = stratified(7, count, torch.zeros(0), torch.Generator().manual_seed(seed))
    assert bool((unit * count >= torch.arange(count) - 1e-4).all())
    assert bool((unit * count <= torch.arange(count) + 1 + 1e-4).all())
    assert torch.equal(unit, stratified(7, count, torch.zeros(0), torch.Generator().manual_seed(seed)))


def test_importance_samples_gather_at_the_surface() -> None:
    distance = torch.linspace(0.05, 3.95, 40)[None]
    surface = 2.33
    found = importance_distances(distance, surface - distance, torch.tensor([[60.0]]), 16)
    assert bool((found[:, 1:] >= found[:, :-1]).all())
    assert ((found - surface).abs() < 0.15).float().mean().item() >= 0.9


def test_importance_samples_take_the_first_of_two_walls() -> None:
    distance = torch.linspace(0.05, 3.95, 40)[None]
    sdf = torch.minimum((distance - 1.5).abs(), (distance - 3).abs()) - 0.2
    found = importance_distances(distance, sdf, torch.tensor([[200.0]]), 20)
    assert ((found - 1.3).abs() < 0.15).float().mean().item() >= 0.9


def test_where_nothing_is_met_importance_samples_spread_evenly() -> None:
    distance = torch.linspace(0, 4, 9)[None]
    found = importance_distances(distance, torch.full((1, 9), 0.5), torch.tensor([[64.0]]), 4)
    torch.testing.assert_close(found, torch.tensor([[0.5, 1.5, 2.5, 3.5]]), atol=1e-3, rtol=0)


def test_rays_that_miss_stay_at_zero_and_finite(span: RaySpan) -> None:
    distance = uniform_distances(span, 8)
    found = importance_distances(distance, torch.randn(3, 8), torch.full((3, 1), 64.0), 5)
    assert bool(torch.isfinite(found).all())
    assert found[2].tolist() == [0.0] * 5


def test_depth_guided_samples_surround_the_sensed_distance(span: RaySpan) -> None:
    sensed = torch.tensor([3.95, 0.0, 1.0])
    found = depth_guided_distances(span, sensed, 10, width=0.2, generator=torch.Generator().manual_seed(0))
    assert found[0].min().item() >= 3.75
    assert found[0].max().item() <= 4.0
    assert found[1].min().item() < 1.2
    assert found[1].max().item() > 1.8
    assert found[2].tolist() == [0.0] * 10


def test_a_surface_beyond_the_box_does_not_draw_samples(span: RaySpan) -> None:
    found = depth_guided_distances(span, torch.tensor([9.0, 9.0, 9.0]), 4, width=0.2)
    assert found[0].tolist() == [0.5, 1.5, 2.5, 3.5]


def test_merged_samples_are_sorted_and_say_where_they_came_from() -> None:
    parts = [torch.tensor([[1.0, 3.0]]), torch.tensor([[0.5, 2.0, 4.0]])]
    merged, order = merge_distances(parts)
    assert merged.tolist() == [[0.5, 1.0, 2.0, 3.0, 4.0]]
    assert order.tolist() == [[2, 0, 3, 1, 4]]


@pytest.mark.parametrize("anchor", ["start", "middle"])
def test_intervals_touch_and_contain_their_samples(span: RaySpan, anchor: str) -> None:
    distance = uniform_distances(span, 6, torch.Generator().manual_seed(0))
    samples = intervals(distance, span, "start" if anchor == "start" else "middle")
    assert torch.equal(samples.end[:, :-1], samples.start[:, 1:])
    assert bool((samples.start <= samples.distance).all() and (samples.distance <= samples.end).all())
    assert torch.equal(samples.end[:, -1], span.far)
    first = distance[:, 0] if anchor == "start" else span.near
    assert torch.equal(samples.start[:, 0], first)
    assert samples.valid.tolist() == [True, True, False]


def test_importance_rounds_share_the_samples() -> None:
    assert SamplerConfig(importance=16, importance_steps=3).importance_counts() == (5, 5, 6)
    assert SamplerConfig(importance=2, importance_steps=4).importance_counts() == (1, 1)
    assert SamplerConfig(importance=0).importance_counts() == ()
    assert SamplerConfig(uniform=10, importance=4, depth_guided=2).total == 16
