"""Nearest neighbours and ball queries against SciPy's KD-tree, farthest points against a loop."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_encoders.neighbours import (
    Neighbours,
    distances,
    farthest_points,
    nearest_neighbours,
    points_in_balls,
)
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

some = settings(max_examples=25, deadline=None, derandomize=True)
lengths_of_scenes = st.lists(st.integers(0, 40), min_size=1, max_size=3).filter(any)


def cloud(lengths: list[int], axes: int, seed: int, duplicates: bool) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(sum(lengths), axes, generator=generator)
    # On a coarse lattice many points fall on each other and many distances are equal.
    return torch.round(points) if duplicates else points


def spans(lengths: list[int]) -> list[slice]:
    ends = np.cumsum([0, *lengths]).tolist()
    return [slice(start, end) for start, end in pairwise(ends)]


@some
@given(
    lengths=lengths_of_scenes,
    axes=st.sampled_from([1, 3, 4, 5, 16]),
    k=st.integers(1, 50),
    seed=st.integers(0, 1000),
    duplicates=st.booleans(),
)
def test_nearest_neighbours_are_those_of_the_kd_tree(
    lengths: list[int], axes: int, k: int, seed: int, duplicates: bool
) -> None:
    spatial = pytest.importorskip("scipy.spatial")
    points = cloud(lengths, axes, seed, duplicates)
    shape = tuple(lengths)
    neighbours = nearest_neighbours(points, points, k, query_lengths=shape, point_lengths=shape)
    for span, length in zip(spans(lengths), lengths, strict=True):
        if length == 0:
            continue
        index, found = neighbours.index[span] - span.start, neighbours.found[span]
        assert ((index >= 0) & (index < length)).all()
        real = min(k, length)
        assert (found == real).all()
        scene = points[span].double().numpy()
        expected, _ = spatial.cKDTree(scene).query(scene, k=list(range(1, real + 1)))
        found_distances = np.linalg.norm(scene[:, None] - scene[index.numpy()], axis=2)
        np.testing.assert_allclose(found_distances[:, :real], expected, atol=1e-6 if axes <= 4 else 2e-3)
        assert all(len(set(row)) == real for row in index[:, :real].tolist())
        assert (index[:, real:] == index[:, :1]).all()


@some
@given(
    lengths=lengths_of_scenes,
    radius=st.floats(0.05, 3.0),
    limit=st.integers(1, 50),
    seed=st.integers(0, 1000),
    duplicates=st.booleans(),
)
def test_balls_hold_what_the_kd_tree_finds(
    lengths: list[int], radius: float, limit: int, seed: int, duplicates: bool
) -> None:
    spatial = pytest.importorskip("scipy.spatial")
    points = cloud(lengths, 3, seed, duplicates).double()
    counts = [min(7, length) for length in lengths]
    queries = torch.cat([points[s][:n] + 0.1 for s, n in zip(spans(lengths), counts, strict=True)])
    neighbours = points_in_balls(
        queries, points, radius, limit, query_lengths=tuple(counts), point_lengths=tuple(lengths)
    )
    for of_queries, span in zip(spans(counts), spans(lengths), strict=True):
        if span.start == span.stop:
            continue
        tree = spatial.cKDTree(points[span].numpy())
        rows = zip(
            queries[of_queries], neighbours.index[of_queries], neighbours.found[of_queries], strict=True
        )
        for query, index, found in rows:
            inside = sorted(tree.query_ball_point(query.numpy(), np.nextafter(radius, 0)))[:limit]
            assert found == len(inside)
            filling = inside[0] if inside else tree.query(query.numpy())[1]
            expected = inside + [filling] * (limit - len(inside))
            if inside or len(set(map(tuple, points[span].tolist()))) == span.stop - span.start:
                assert (index - span.start).tolist() == expected


def farthest_by_loop(points: np.ndarray, count: int) -> list[int]:
    nearest = np.full(len(points), np.inf)
    chosen = [0]
    while len(chosen) < min(count, len(points)):
        difference = points - points[chosen[-1]]
        nearest = np.minimum(nearest, (difference**2).sum(axis=1))
        nearest[chosen] = -1
        chosen.append(int(nearest.argmax()))
    return chosen


@some
@given(
    lengths=lengths_of_scenes, count=st.integers(1, 45), seed=st.integers(0, 1000), duplicates=st.booleans()
)
def test_farthest_points_are_those_of_a_loop(
    lengths: list[int], count: int, seed: int, duplicates: bool
) -> None:
    points = cloud(lengths, 3, seed, duplicates).double()
    chosen, chosen_lengths = farthest_points(points, count, lengths=tuple(lengths))
    assert chosen_lengths == tuple(min(count, length) for length in lengths)
    for part, span in zip(chosen.split(chosen_lengths), spans(lengths), strict=True):
        if span.stop > span.start:
            assert (part - span.start).tolist() == farthest_by_loop(points[span].numpy(), count)


def test_a_generator_chooses_where_to_start() -> None:
    points = torch.randn(50, 3)
    firsts = {
        int(farthest_points(points, 5, lengths=(50,), generator=torch.Generator().manual_seed(seed))[0][0])
        for seed in range(8)
    }
    assert len(firsts) > 3
    twice = [
        farthest_points(points, 9, lengths=(20, 30), generator=torch.Generator().manual_seed(3))[0]
        for _ in range(2)
    ]
    assert torch.equal(*twice)


def test_a_single_point_is_its_own_neighbour() -> None:
    point = torch.ones(1, 3)
    for neighbours in (
        nearest_neighbours(point, point, 4, query_lengths=(1,), point_lengths=(1,)),
        points_in_balls(point, point, 0.5, 4, query_lengths=(1,), point_lengths=(1,)),
    ):
        assert neighbours.index.tolist() == [[0, 0, 0, 0]]
        assert neighbours.found.tolist() == [1]
    assert farthest_points(point, 4, lengths=(1,))[0].tolist() == [0]


def test_scenes_without_points() -> None:
    nothing = torch.zeros(0, 3)
    assert nearest_neighbours(
        nothing, nothing, 3, query_lengths=(0, 0), point_lengths=(0, 0)
    ).index.shape == (0, 3)
    assert farthest_points(nothing, 3, lengths=(0, 0))[0].shape == (0,)
    with pytest.raises(ValueError, match="scene 1 has 2 queries, but no points to find"):
        nearest_neighbours(
            torch.zeros(2, 3), torch.zeros(4, 3), 1, query_lengths=(0, 2), point_lengths=(4, 0)
        )


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    points, shape = torch.randn(90, 3), (50, 40)

    def search() -> list[Neighbours]:
        lengths = {"query_lengths": shape, "point_lengths": shape}
        return [
            nearest_neighbours(points, points, 6, **lengths),
            points_in_balls(points, points, 0.6, 6, **lengths),
        ]

    whole = search()
    monkeypatch.setattr(distances, "CHUNK_BYTES_CPU", 7 * 50 * 4)
    for ours, theirs in zip(search(), whole, strict=True):
        assert torch.equal(ours.index, theirs.index)
        assert torch.equal(ours.found, theirs.found)


def test_under_autocast_neighbours_stay_exact() -> None:
    features = torch.randn(60, 16)
    exact = nearest_neighbours(features, features, 5, query_lengths=(60,), point_lengths=(60,))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = nearest_neighbours(features, features, 5, query_lengths=(60,), point_lengths=(60,))
    assert torch.equal(mixed.index, exact.index)


class LargestTensor(TorchDispatchMode):
    """Remembers the size of the largest tensor that any operation returned."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        outcome = func(*args, **(kwargs or {}))
        for value in outcome if isinstance(outcome, tuple | list) else (outcome,):
            if isinstance(value, Tensor):
                self.elements = max(self.elements, value.numel())
        return outcome


@pytest.mark.parametrize("axes", [3, 64])
def test_memory_does_not_grow_with_the_square_of_the_points(axes: int) -> None:
    points = torch.randn(30_000, axes)
    queries = points[:500]
    with LargestTensor() as largest:
        nearest_neighbours(queries, points, 20, query_lengths=(500,), point_lengths=(30_000,))
        points_in_balls(queries[:, :3], points[:, :3], 0.2, 20, query_lengths=(500,), point_lengths=(30_000,))
    # All the points themselves, or a chunk of distances: a chunk is far from even these 500 rows of them.
    assert largest.elements <= max(points.numel(), distances.CHUNK_BYTES_CPU // 4)
    assert largest.elements < 500 * 30_000 / 5


def test_what_cannot_be_asked_is_refused() -> None:
    points = torch.zeros(5, 3)
    shape = {"query_lengths": (5,), "point_lengths": (5,)}
    with pytest.raises(ValueError, match="k must be at least 1, not 0"):
        nearest_neighbours(points, points, 0, **shape)
    with pytest.raises(ValueError, match="positive radius and limit, not radius 0.0 and limit 4"):
        points_in_balls(points, points, 0.0, 4, **shape)
    with pytest.raises(ValueError, match="count of at least 1, not 0"):
        farthest_points(points, 0, lengths=(5,))
    with pytest.raises(ValueError, match=r"lengths \(4,\) must add up to the 5 points"):
        farthest_points(points, 2, lengths=(4,))
    with pytest.raises(ValueError, match="queries come from 1 scenes, but points from 2"):
        nearest_neighbours(points, points, 1, query_lengths=(5,), point_lengths=(2, 3))
