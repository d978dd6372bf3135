from collections import Counter
from dataclasses import replace

import pytest
import torch
from ponder_data import AugmentationConfig, MixConfig, SampleConfig, Scene, prepare_sample, sample_scene
from ponder_data.transforms import center_shift, draw_partner, mix3d, translate

from .conftest import build_scene


def test_both_scenes_lie_over_each_other() -> None:
    first, second = build_scene(0), translate(build_scene(1, views=2), torch.tensor([9.0, -4.0, 3.0]))
    mixed = mix3d(first, second)
    assert torch.equal(mixed.coord, torch.cat((center_shift(first).coord, center_shift(second).coord)))
    assert torch.equal(mixed.color, torch.cat((first.color, second.color)))
    assert torch.equal(mixed.normal, torch.cat((first.normal, second.normal)))
    assert first.semantic is not None
    assert second.semantic is not None
    assert mixed.semantic is not None
    assert torch.equal(mixed.semantic, torch.cat((first.semantic, second.semantic)))
    assert mixed.views == mixed.held_out_views == ()
    assert mixed.name == "scene 0+scene 1"
    assert mixed.boxes is not None
    assert len(mixed.boxes) == 8
    centred = center_shift(second).boxes
    assert centred is not None
    assert torch.equal(mixed.boxes.center[4:], centred.center)


def test_no_two_instances_share_a_number() -> None:
    first, second = build_scene(0), build_scene(1)
    assert first.instance is not None
    assert second.instance is not None
    marked = second.instance.clone()
    marked[:5] = -1
    mixed = mix3d(first, replace(second, instance=marked))
    assert mixed.instance is not None
    ours, theirs = mixed.instance[: len(first)], mixed.instance[len(first) :]
    assert torch.equal(ours, first.instance)
    assert bool((theirs[:5] == -1).all())
    assert not set(ours.tolist()) & set(theirs[5:].tolist())
    assert torch.equal(theirs[5:] - theirs[5], second.instance[5:] - second.instance[5])
    assert mixed.boxes is not None
    assert len(set(mixed.boxes.instance.tolist())) == 8
    # Boxes go on naming the instance of their points.
    assert torch.equal(mixed.boxes.instance[4:], torch.arange(4) + int(theirs[5] - second.instance[5]))


def test_what_one_scene_lacks_is_unknown() -> None:
    first = replace(build_scene(0), semantic=None, instance=None, boxes=None)
    second = build_scene(1)
    mixed = mix3d(first, second)
    assert mixed.semantic is not None
    assert bool((mixed.semantic[: len(first)] == -1).all())
    assert mixed.boxes is not None
    assert len(mixed.boxes) == 4
    bare = mix3d(first, replace(second, semantic=None, instance=None, boxes=None))
    assert bare.semantic is None
    assert bare.instance is None
    assert bare.boxes is None


def test_scenes_that_do_not_match_are_refused(scene: Scene) -> None:
    with pytest.raises(ValueError, match="one data set only"):
        mix3d(scene, replace(scene, dataset="other"))
    with pytest.raises(ValueError, match="class_names"):
        mix3d(scene, replace(scene, class_names=("a",)))
    with pytest.raises(ValueError, match="so mix first"):
        mix3d(scene, sample_scene(scene, 0.5))


def test_a_mixed_sample_holds_both_scenes_once_per_cell(generator: torch.Generator) -> None:
    first, second = build_scene(0), build_scene(1)
    config = SampleConfig(grid_size=0.1, augmentation=AugmentationConfig.none())
    sample = prepare_sample(first, config, generator, rays=False, mixed_with=second)
    assert sample.scene.grid_coord is not None
    assert len(torch.unique(sample.scene.grid_coord, dim=0)) == len(sample.scene)
    origin = torch.cdist(sample.scene.coord, center_shift(first).coord).amin(dim=1) < 1e-5
    assert 0.3 < float(origin.float().mean()) < 0.7
    torch.testing.assert_close(sample.upper, mix3d(first, second).coord.amax(dim=0))


def test_mixing_changes_nothing_of_the_first_scene() -> None:
    first, second = build_scene(0), build_scene(1)
    config = SampleConfig(grid_size=1e-4)
    alone, mixed = (
        prepare_sample(first, config, torch.Generator().manual_seed(8), rays=False, mixed_with=other)
        for other in (None, second)
    )
    distance = torch.cdist(alone.scene.coord.double(), mixed.scene.coord.double()).amin(dim=1)
    assert float(distance.max()) < 1e-5


def test_rays_of_mixed_scenes_are_refused(scene: Scene, generator: torch.Generator) -> None:
    with pytest.raises(ValueError, match="no views to render"):
        prepare_sample(scene, SampleConfig(), generator, rays=True, mixed_with=scene)


def test_every_other_scene_is_an_equally_likely_partner(generator: torch.Generator) -> None:
    drawn = Counter(draw_partner(2, 5, MixConfig(probability=0.8), generator) for _ in range(2000))
    assert set(drawn) == {None, 0, 1, 3, 4}
    assert all(330 <= count <= 470 for count in drawn.values())
    state = generator.get_state()
    assert draw_partner(2, 5, MixConfig(), generator) is None
    assert draw_partner(0, 1, MixConfig(probability=1.0), generator) is None
    assert torch.equal(state, generator.get_state())
