"""Pairs of samples of a batch laid over each other."""

from dataclasses import replace

import pytest
import torch
from ponder_data import MixConfig, Sample, SampleConfig, collate, mix_samples, prepare_sample

from .conftest import build_scene

CONFIG = SampleConfig(grid_size=0.3)
ALWAYS = MixConfig(probability=1.0)


def samples(count: int, *, rays: bool = False) -> list[Sample]:
    return [
        prepare_sample(build_scene(i), CONFIG, torch.Generator().manual_seed(i), rays=rays)
        for i in range(count)
    ]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_pairs_become_one_sample_with_one_point_in_a_cell() -> None:
    five = samples(5)
    mixed = mix_samples(five, ALWAYS, CONFIG.cell, generator())
    assert [sample.scene.name for sample in mixed] == ["scene 0+scene 1", "scene 2+scene 3", "scene 4"]
    assert mixed[2] is five[4]
    for pair, sample in zip((five[:2], five[2:4]), mixed, strict=False):
        points = sum(len(one.scene) for one in pair)
        assert points / 2 < len(sample.scene) <= points
        cells = sample.scene.grid_coord
        assert cells is not None
        assert len(cells.unique(dim=0)) == len(cells)
        assert bool((sample.scene.coord >= sample.lower).all() and (sample.scene.coord <= sample.upper).all())
        assert sample.scene.semantic is not None
        assert len(sample.scene.semantic) == len(sample.scene)
    batch = collate(mixed)
    assert batch.names == tuple(sample.scene.name for sample in mixed)
    assert len(batch.conditions) == len(batch.offsets) == 3
    assert int(batch.offsets[-1]) == len(batch.coord)


def test_so_many_pairs_are_mixed() -> None:
    two, config, one = samples(2), MixConfig(probability=0.8), generator(1)
    joined = sum(len(mix_samples(two, config, CONFIG.cell, one)) == 1 for _ in range(80))
    assert abs(joined / 80 - 0.8) < 4 * (0.8 * 0.2 / 80) ** 0.5


def test_nothing_is_drawn_where_nothing_is_mixed() -> None:
    four, one = samples(4), generator()
    before = one.get_state()
    mixed = mix_samples(four, MixConfig(), CONFIG.cell, one)
    assert all(a is b for a, b in zip(mixed, four, strict=True))
    assert torch.equal(one.get_state(), before)


@pytest.mark.parametrize(
    "change", [{"dataset": "other"}, {"condition": "other"}, {"class_names": ("a", "b")}]
)
def test_scenes_of_different_kinds_stay_apart(change: dict[str, str]) -> None:
    first, second = samples(2)
    second = replace(second, scene=replace(second.scene, **change))  # pyright: ignore[reportArgumentType]
    assert mix_samples([first, second], ALWAYS, CONFIG.cell, generator()) == (first, second)


def test_samples_with_rays_cannot_be_mixed() -> None:
    with pytest.raises(
        ValueError, match="scene 'scene 0' cannot be mixed with another: its rays show it alone"
    ):
        mix_samples(samples(2, rays=True), ALWAYS, CONFIG.cell, generator())
