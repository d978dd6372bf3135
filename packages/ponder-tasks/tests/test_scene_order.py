"""Which scene stands where: every dataset as often as it should, in any epoch, whatever was asked before."""

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from points_dataset import BoxOfPoints, sequence_of
from ponder_data import MixPart, Mixture, Visits
from ponder_tasks.scene_order import epoch_length, scene_order, visiting_order

VISITS = st.lists(
    st.builds(Visits, scenes=st.integers(1, 9), per_epoch=st.integers(1, 20)), min_size=1, max_size=4
).map(tuple)


@settings(max_examples=40, deadline=None)
@given(visits=VISITS, seed=st.integers(0, 2**31), epochs=st.integers(1, 5))
def test_each_dataset_is_visited_as_often_as_it_says_and_its_scenes_evenly(visits, seed, epochs):
    counts: Counter[int] = Counter()
    for epoch in range(epochs):
        order = visiting_order(seed, epoch, visits).tolist()
        assert len(order) == epoch_length(visits)
        first = 0
        for visit in visits:
            own = range(first, first + visit.scenes)
            assert sum(index in own for index in order) == visit.per_epoch
            first += visit.scenes
        counts.update(order)
    first = 0
    for visit in visits:
        seen = [counts[index] for index in range(first, first + visit.scenes)]
        assert max(seen) - min(seen) <= 1, "no scene waits while another comes twice"
        first += visit.scenes


def test_loops_show_each_scene_that_often():
    order = visiting_order(1, 4, (Visits(3, 3), Visits(2, 8))).tolist()
    assert Counter(order) == {0: 1, 1: 1, 2: 1, 3: 4, 4: 4}


@pytest.mark.parametrize("epoch", [0, 1, 7])
def test_one_dataset_alone_keeps_its_order(epoch):
    assert torch.equal(visiting_order(5, epoch, (Visits(11, 11),)), scene_order(5, epoch, 11))


def test_a_mixture_is_mixed_within_batches_and_known_by_its_conditions():
    parts = [
        MixPart(scenes=BoxOfPoints(4, "a")),
        MixPart(scenes=BoxOfPoints(2, "b"), loop=2, condition="ScanNet"),
    ]
    sequence = sequence_of(Mixture(parts), batch_size=4, steps=4)
    epoch = [sequence[0], sequence[1]]
    assert Counter(name for batch in epoch for name in batch.names) == {
        "a-0": 1, "a-1": 1, "a-2": 1, "a-3": 1, "b-0": 2, "b-1": 2
    }  # fmt: skip
    for batch in epoch:
        assert batch.conditions == tuple("ScanNet" if d == "b" else "a" for d in batch.datasets)
    assert any(len(set(batch.conditions)) == 2 for batch in epoch)


def test_a_broken_scene_of_a_mixture_is_replaced_from_its_own_dataset():
    parts = [MixPart(scenes=BoxOfPoints(30, "a")), MixPart(scenes=BoxOfPoints(10, "b", broken=(2, 5)))]
    sequence = sequence_of(Mixture(parts), batch_size=1, steps=40)
    prepared = [sequence.prepare(position) for position in range(40)]
    assert Counter(sample.sample.scene.dataset for sample in prepared) == {"a": 30, "b": 10}
    broken = {scene for sample in prepared for scene in sample.broken}
    assert {scene.name for scene in broken} == {"scene 2 of b", "scene 5 of b"}
    assert {scene.index for scene in broken} == {32, 35}
