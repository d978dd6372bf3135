from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_data import (
    AugmentationConfig,
    AutoContrastConfig,
    ColorJitterConfig,
    ElasticConfig,
    JitterConfig,
    MaskingConfig,
    MixConfig,
    Sample,
    SampleConfig,
    Scene,
    SphereCropConfig,
    augment,
    grid_sample,
    prepare_sample,
    take_points,
)
from ponder_data.transforms import draw_partner, translate
from torch.utils.data import DataLoader

from .conftest import build_scene

STILL = AugmentationConfig.none().model_copy(update={"center": False})


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 1000), kind=st.sampled_from(["none", "random", "block"]))
def test_a_sample_holds_together(seed: int, kind: str) -> None:
    scene = build_scene(seed % 5)
    masking = MaskingConfig.model_validate({"kind": kind, "ratio": 0.6})
    config = SampleConfig(grid_size=0.2, masking=masking, views_per_scene=2, rays_per_view=9)
    sample = prepare_sample(scene, config, torch.Generator().manual_seed(seed), rays=True)
    inner = sample.scene
    assert inner.grid_coord is not None
    assert torch.equal(inner.grid_coord, grid_sample(inner.coord, 0.2).grid_coord), (
        "one point per cell, in order"
    )
    assert 2 <= len(inner) <= len(scene)
    assert bool((inner.coord >= sample.lower).all())
    assert bool((inner.coord <= sample.upper).all())
    assert len(inner.views) == 2
    assert sample.rays is not None
    assert len(sample.rays) == 18
    # Rays end on points of the unmasked cloud, so within its bounds.
    ends = sample.rays.origin + sample.rays.distance[:, None] * sample.rays.direction
    assert bool((ends >= sample.lower - 1e-3).all())
    assert bool((ends <= sample.upper + 1e-3).all())


def test_bounds_are_those_of_the_cloud_before_masking(scene: Scene) -> None:
    masking = MaskingConfig(kind="random", ratio=0.95)
    config = SampleConfig(augmentation=AugmentationConfig.none(), masking=masking)
    sample = prepare_sample(scene, config, torch.Generator().manual_seed(0), rays=False)
    centred = augment(scene, AugmentationConfig.none(), torch.Generator())
    assert torch.equal(sample.lower, centred.coord.amin(dim=0))
    assert torch.equal(sample.upper, centred.coord.amax(dim=0))
    assert len(sample.scene) < 0.06 * len(scene)


def test_the_same_generator_state_gives_the_same_sample(scene: Scene) -> None:
    config = SampleConfig(masking=MaskingConfig(kind="block"))

    def sampled(seed: int) -> Sample:
        return prepare_sample(scene, config, torch.Generator().manual_seed(seed), rays=True)

    first, again, other = sampled(1), sampled(1), sampled(2)
    assert first.rays is not None
    assert again.rays is not None
    assert other.rays is not None
    assert torch.equal(first.scene.coord, again.scene.coord)
    assert torch.equal(first.rays.color, again.rays.color)
    assert not torch.equal(first.rays.color, other.rays.color)


def test_without_rays_all_views_stay_in_the_sample_frame(scene: Scene) -> None:
    sample = prepare_sample(scene, SampleConfig.evaluation(0.2), torch.Generator().manual_seed(0), rays=False)
    centred = augment(scene, AugmentationConfig.none(), torch.Generator())
    assert sample.rays is None
    assert len(sample.scene.views) == len(scene.views)
    for got, expected in zip(sample.scene.held_out_views, centred.held_out_views, strict=True):
        assert torch.equal(got.camera_to_world, expected.camera_to_world)


def test_a_mask_never_takes_everything(scene: Scene, generator: torch.Generator) -> None:
    few = replace(take_points(scene, torch.arange(4)), boxes=None)
    for kind in ("random", "block"):
        config = SampleConfig(grid_size=1e-3, masking=MaskingConfig(kind=kind, ratio=0.99))
        for _ in range(10):
            assert len(prepare_sample(few, config, generator, rays=False).scene) == 2


def test_a_mask_that_leaves_one_cell_is_not_applied(scene: Scene, generator: torch.Generator) -> None:
    # Two clusters, far apart: blocks of 8 cells hold one each, so the mask would leave a single cell.
    corner = 0.01 + 1e-3 * torch.rand(10, 3, generator=generator)
    coord = torch.cat((corner, corner + 5.0))
    clusters = replace(take_points(scene, torch.arange(20)), coord=coord, boxes=None)
    config = SampleConfig(grid_size=0.05, augmentation=STILL, masking=MaskingConfig(kind="block", ratio=0.5))
    for _ in range(5):
        assert len(prepare_sample(clusters, config, generator, rays=False).scene) == 2


def test_what_cannot_be_prepared_is_refused(scene: Scene, generator: torch.Generator) -> None:
    with pytest.raises(ValueError, match=r"'scene 0' .* has no views"):
        prepare_sample(replace(scene, views=()), SampleConfig(), generator, rays=True)
    lifted = translate(scene, torch.full((3,), 100.0))
    with pytest.raises(ValueError, match=r"lie in one grid cell of 500\.0 m"):
        prepare_sample(lifted, SampleConfig(grid_size=500.0, augmentation=STILL), generator, rays=False)
    with pytest.raises(ValueError, match="at least 2 are needed"):
        prepare_sample(take_points(scene, torch.arange(1)), SampleConfig(), generator, rays=False)
    broken = scene.coord.clone()
    broken[0] = float("nan")
    with pytest.raises(ValueError, match="NaN or infinite coord"):
        prepare_sample(replace(scene, coord=broken), SampleConfig(), generator, rays=False)


def test_fewer_views_and_pixels_than_asked_for_are_all_taken(
    scene: Scene, generator: torch.Generator
) -> None:
    config = SampleConfig(views_per_scene=50, rays_per_view=10_000)
    sample = prepare_sample(scene, config, generator, rays=True)
    assert sample.rays is not None
    assert len(sample.rays) == 3 * 11 * 14


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="Extra inputs"):
        SampleConfig.model_validate({"gird_size": 0.1})


EVERYTHING = SampleConfig(
    grid_size=0.1,
    augmentation=AugmentationConfig(
        rotate_z_probability=0.9,
        jitter=JitterConfig(deviation=0.005),
        elastic=ElasticConfig(probability=0.9),
        color=ColorJitterConfig(
            hue=0.5, drop=0.1, translation=0.05, auto_contrast=AutoContrastConfig(probability=0.5)
        ),
    ),
    masking=MaskingConfig(kind="block", ratio=0.3, probability=0.8),
    crop=SphereCropConfig(points=60),
)


def sample_of(index: int, seed: int) -> Sample:
    """Return sample ``index`` of a run: everything random in it comes from the seed and its number."""
    state = np.random.SeedSequence((seed, index)).generate_state(1, np.uint64)[0]
    generator = torch.Generator().manual_seed(int(state) & (2**63 - 1))
    partner = draw_partner(index, 6, MixConfig(probability=0.7), generator)
    mixed_with = None if partner is None else build_scene(partner, views=1)
    return prepare_sample(
        build_scene(index, views=1), EVERYTHING, generator, rays=False, mixed_with=mixed_with
    )


def assert_same(first: Sample, second: Sample) -> None:
    assert first.scene.name == second.scene.name
    assert torch.equal(first.scene.coord, second.scene.coord)
    assert torch.equal(first.scene.color, second.scene.color)
    assert torch.equal(first.scene.normal, second.scene.normal)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # two workers on a machine of one core
def test_samples_depend_on_neither_workers_nor_order() -> None:
    forwards = [sample_of(index, 1) for index in range(6)]
    backwards = [sample_of(index, 1) for index in reversed(range(6))][::-1]
    loader = DataLoader(
        range(6),  # type: ignore[arg-type]
        batch_size=3,
        num_workers=2,
        collate_fn=partial(map_samples, seed=1),
        multiprocessing_context="fork",
    )
    from_workers = [sample for batch in loader for sample in batch]
    for first, second, third in zip(forwards, backwards, from_workers, strict=True):
        assert_same(first, second)
        assert_same(first, third)
    assert any("+" in sample.scene.name for sample in forwards)
    assert not torch.equal(sample_of(0, 2).scene.coord[:5], forwards[0].scene.coord[:5])


def map_samples(indices: list[int], seed: int) -> list[Sample]:
    return [sample_of(index, seed) for index in indices]
