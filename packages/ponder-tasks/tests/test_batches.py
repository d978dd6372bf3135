"""The sequence of batches is a function of the seed and the step alone."""

import pytest
import torch
from points_dataset import BoxOfPoints, assert_same
from points_dataset import sequence_of as sequence
from ponder_data import MixConfig
from ponder_tasks.batches import ATTEMPTS, scene_order, seeded_generator
from ponder_tasks.broken_scenes import BrokenScenes
from ponder_tasks.loading import BatchLoader


def test_a_batch_does_not_depend_on_what_was_asked_before():
    straight = [sequence()[step] for step in range(8)]
    asked = sequence()
    for step in (5, 0, 7, 5):
        assert_same(asked[step], straight[step])


def test_pairs_of_a_batch_are_mixed_alike_whoever_asks():
    def mixed(seed=3):
        return sequence(batch_size=4, steps=6, mix=MixConfig(probability=0.6), seed=seed)

    straight = [mixed()[step] for step in range(6)]
    assert {len(batch.names) for batch in straight} == {2, 3, 4}
    assert all(batch.rays is None for batch in straight)
    assert {name for batch in straight for names in batch.names for name in names.split("+")} == {
        f"points-{i}" for i in range(5)
    }
    asked = mixed()
    for step in (5, 0, 3, 5):
        assert_same(asked[step], straight[step])
    broken = BrokenScenes(5, 0.0, [].append)
    with BatchLoader(mixed(), first=0, workers=0, broken=broken) as loader:
        for batch, expected in zip(loader, straight, strict=True):
            assert_same(batch, expected)
    assert [batch.names for batch in straight] != [mixed(seed=4)[step].names for step in range(6)]


def test_an_epoch_visits_every_scene_once():
    seen = [name for step in range(5) for name in sequence(batch_size=1, steps=10)[step].names]
    assert sorted(seen) == [f"points-{i}" for i in range(5)]
    later = [name for step in range(5, 10) for name in sequence(batch_size=1, steps=10)[step].names]
    assert sorted(later) == sorted(seen)
    assert len({tuple(scene_order(3, epoch, 5).tolist()) for epoch in range(6)}) > 1


def test_processes_share_the_positions_of_one():
    one = [sequence(batch_size=4)[step].names for step in range(4)]
    two = [
        sequence(batch_size=2, rank=0, world_size=2)[step].names
        + sequence(batch_size=2, rank=1, world_size=2)[step].names
        for step in range(4)
    ]
    assert one == two


def test_another_seed_gives_another_sequence():
    assert [sequence(seed=1)[s].names for s in range(5)] != [sequence(seed=2)[s].names for s in range(5)]


@pytest.mark.parametrize("words", [(0, 1), (1, 0), (1,), (1, 0, 0)])
def test_generators_of_different_words_differ(words):
    reference = torch.rand(4, generator=seeded_generator(0, 0))
    assert not torch.equal(torch.rand(4, generator=seeded_generator(*words)), reference)
    assert torch.equal(
        torch.rand(4, generator=seeded_generator(*words)), torch.rand(4, generator=seeded_generator(*words))
    )


def test_in_place_of_a_broken_scene_always_comes_the_same_other_one():
    scenes = BoxOfPoints(scenes=40, broken=(3, 4, 30))
    straight = [sequence(scenes, steps=20).prepare(position) for position in range(40)]
    assert {sample.sample.scene.name for sample in straight}.isdisjoint({"points-3", "points-4", "points-30"})
    replaced = {p: s for p, s in enumerate(straight) if s.broken}
    assert sorted({b.index for s in replaced.values() for b in s.broken}) == [3, 4, 30]
    backwards = sequence(BoxOfPoints(scenes=40, broken=(3, 4, 30)), steps=20)
    for position in reversed(range(40)):
        again = backwards.prepare(position)
        assert again.sample.scene.name == straight[position].sample.scene.name
        assert torch.equal(again.sample.scene.coord, straight[position].sample.scene.coord)
        assert again.broken == straight[position].broken


def test_a_broken_scene_is_read_once(tmp_path):
    log = tmp_path / "log"
    batches = sequence(BoxOfPoints(scenes=3, broken=(1,), log=log), batch_size=3)
    for step in range(4):
        batches[step]
    assert [line.split()[0] for line in log.read_text().splitlines()].count("1") == 1


def test_where_no_scene_can_be_used_the_first_reason_is_given():
    batches = sequence(BoxOfPoints(scenes=20, broken=tuple(range(20))))
    with pytest.raises(
        ValueError, match=rf"scan-\d+.ply is truncated .scene \d+ of points; {ATTEMPTS} tries"
    ):
        batches[0]


def test_samples_leave_their_pictures_behind():
    scene = sequence().prepare(0).sample.scene
    assert scene.views == scene.held_out_views == ()
