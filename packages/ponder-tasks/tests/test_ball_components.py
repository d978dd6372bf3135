import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_tasks.instances.ball_components import ball_components


def slow_components(coord: np.ndarray, radius: float) -> list[int]:
    """Flood fill: from each point not yet reached, to everything within the radius of what is reached."""
    component = [-1] * len(coord)
    for first in range(len(coord)):
        if component[first] >= 0:
            continue
        component[first], queue = max(component) + 1, [first]
        while queue:
            at = queue.pop()
            for other in range(len(coord)):
                near = ((coord[at] - coord[other]) ** 2).sum() <= radius**2
                if component[other] < 0 and near:
                    component[other] = component[first]
                    queue.append(other)
    return component


def same_parts(one: np.ndarray, other: list[int]) -> bool:
    pairs = set(zip(one.tolist(), other, strict=True))
    return len(pairs) == len(set(one.tolist())) == len(set(other))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    points=st.integers(1, 60),
    clumps=st.integers(1, 8),
    spread=st.floats(0.01, 2),
)
def test_agrees_with_flood_fill_on_clumps(seed: int, points: int, clumps: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    centers = rng.uniform(-4, 4, (clumps, 3))
    coord = centers[rng.integers(0, clumps, points)] + spread * rng.normal(size=(points, 3))
    found = ball_components(coord, 1.0)
    assert same_parts(found, slow_components(coord, 1.0))
    assert set(found.tolist()) == set(range(found.max() + 1))


@settings(max_examples=40, deadline=None)
@given(cells=st.lists(st.tuples(*[st.integers(0, 6)] * 3), min_size=1, max_size=40))
def test_points_exactly_a_radius_apart_are_connected(cells: list[tuple[int, int, int]]) -> None:
    coord = np.array(cells, dtype=np.float64)
    for radius in (1.0, 2.0):
        assert same_parts(ball_components(coord, radius), slow_components(coord, radius))


def test_cells_whose_first_points_are_far_apart_are_compared_point_by_point() -> None:
    # Two clumps of many points in neighbouring cells: only one pair of points is near enough.
    rng = np.random.default_rng(0)
    left = rng.uniform(0.0, 0.1, (200, 3))
    right = left + np.array([1.12, 0.0, 0.0])
    apart = right[:, 0].min() - left[:, 0].max()
    assert 1.0 < apart < 1.1
    coord = np.concatenate([left, right])
    assert ball_components(coord, 1.0).max() == 1
    bridged = np.concatenate([coord, [[0.55, 0.05, 0.05]]])
    assert ball_components(bridged, 1.0).max() == 0


def test_a_thousand_points_in_one_place_are_no_trouble() -> None:
    coord = np.concatenate([np.zeros((20_000, 3)), np.full((20_000, 3), 5.0)])
    assert np.bincount(ball_components(coord, 0.03)).tolist() == [20_000, 20_000]


def test_no_points_have_no_components_and_mistakes_are_told() -> None:
    assert len(ball_components(np.zeros((0, 3)), 1.0)) == 0
    with pytest.raises(ValueError, match=r"positive radius \(got 0.0 m\)"):
        ball_components(np.zeros((2, 3)), 0.0)
    with pytest.raises(ValueError, match="finite"):
        ball_components(np.array([[0.0, np.nan, 0.0]]), 1.0)
