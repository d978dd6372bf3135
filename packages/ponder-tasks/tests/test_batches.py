"""The sequence of batches is a function of the seed and the step alone."""

from dataclasses import fields

import pytest
import torch
from ponder_data import MaskingConfig, SampleConfig, Scene, View
from ponder_tasks.batches import BatchSequence, load_batches, scene_order, seeded_generator


class BoxOfPoints:
    """Scenes of random points seen by two cameras."""

    name = "points"
    class_names = ("low", "high")

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> Scene:
        generator = torch.Generator().manual_seed(index)
        coord = torch.rand(300, 3, generator=generator)
        pose = torch.eye(4)
        pose[2, 3] = -2.0
        views = tuple(
            View(
                name=str(i),
                color=torch.rand(6, 8, 3, generator=generator),
                depth=torch.full((6, 8), 2.0),
                intrinsics=torch.tensor([[8.0, 0, 4], [0, 8, 3], [0, 0, 1]]),
                camera_to_world=pose,
            )
            for i in range(2)
        )
        return Scene(
            name=f"points-{index}",
            dataset=self.name,
            coord=coord,
            color=torch.rand(300, 3, generator=generator),
            normal=torch.nn.functional.normalize(torch.randn(300, 3, generator=generator), dim=1),
            semantic=(coord[:, 2] > 0.5).long(),
            views=views,
        )


def sequence(
    batch_size: int = 2, steps: int = 8, seed: int = 3, rank: int = 0, world_size: int = 1
) -> BatchSequence:
    sample = SampleConfig(
        grid_size=0.1, masking=MaskingConfig(kind="random", ratio=0.5), views_per_scene=1, rays_per_view=5
    )
    return BatchSequence(
        BoxOfPoints(),
        sample,
        batch_size=batch_size,
        steps=steps,
        seed=seed,
        rays=True,
        rank=rank,
        world_size=world_size,
    )


def assert_same(first, second) -> None:
    for field in fields(first):
        a, b = getattr(first, field.name), getattr(second, field.name)
        if isinstance(a, torch.Tensor):
            assert torch.equal(a, b), field.name
        elif field.name == "rays":
            assert_same(a, b)
        else:
            assert a == b, field.name


def test_a_batch_does_not_depend_on_what_was_asked_before():
    straight = [sequence()[step] for step in range(8)]
    asked = sequence()
    for step in (5, 0, 7, 5):
        assert_same(asked[step], straight[step])


def test_a_loader_starts_anywhere():
    expected = [sequence()[step] for step in range(3, 8)]
    loaded = list(load_batches(sequence(), first=3, workers=0))
    assert len(loaded) == len(expected)
    for a, b in zip(loaded, expected, strict=True):
        assert_same(a, b)


def test_workers_change_nothing():
    for a, b in zip(
        load_batches(sequence(), first=0, workers=2),
        load_batches(sequence(), first=0, workers=0),
        strict=True,
    ):
        assert_same(a, b)


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
