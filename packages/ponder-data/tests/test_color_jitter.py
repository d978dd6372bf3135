import math
from dataclasses import replace

import torch
from hypothesis import given
from hypothesis import strategies as st
from ponder_data import AugmentationConfig, AutoContrastConfig, ColorJitterConfig, Scene, augment
from ponder_data.transforms import color_jitter, stretch_channels
from ponder_data.transforms.color_jitter import turn_hue

STILL = ColorJitterConfig(brightness=0, contrast=0, noise=0)


def test_all_zero_leaves_colours_alone(scene: Scene, generator: torch.Generator) -> None:
    still = color_jitter(scene, ColorJitterConfig(brightness=0, contrast=0, noise=0), generator)
    torch.testing.assert_close(still.color, scene.color)


def test_brightness_is_one_offset_within_its_bounds(scene: Scene) -> None:
    config = ColorJitterConfig(brightness=0.2, contrast=0, noise=0)
    offsets = set()
    for seed in range(20):
        changed = color_jitter(scene, config, torch.Generator().manual_seed(seed)).color
        inside = (changed > 0.001) & (changed < 0.999)
        offset = (changed - scene.color)[inside]
        assert offset.max() - offset.min() < 1e-5
        assert offset.abs().max() <= 0.2 + 1e-5
        offsets.add(round(float(offset.mean()), 4))
    assert len(offsets) == 20
    assert min(offsets) < 0 < max(offsets)


def test_contrast_spreads_about_the_mean(scene: Scene, generator: torch.Generator) -> None:
    changed = color_jitter(scene, ColorJitterConfig(brightness=0, contrast=0.5, noise=0), generator).color
    mean = scene.color.mean(dim=0)
    inside = (changed > 0.001) & (changed < 0.999)
    ratio = ((changed - mean) / (scene.color - mean))[inside & ((scene.color - mean).abs() > 0.1)]
    assert ratio.max() - ratio.min() < 1e-4
    assert 0.5 <= ratio.mean() <= 1.5
    assert abs(float(ratio.mean()) - 1) > 1e-3


def test_noise_differs_from_point_to_point(scene: Scene, generator: torch.Generator) -> None:
    changed = color_jitter(scene, ColorJitterConfig(brightness=0, contrast=0, noise=0.05), generator).color
    inside = (scene.color > 0.25) & (scene.color < 0.75)
    assert abs(float((changed - scene.color)[inside].std()) - 0.05) < 0.008


def test_colours_stay_colours_and_geometry_stays(scene: Scene, generator: torch.Generator) -> None:
    config = ColorJitterConfig(brightness=0.9, contrast=0.9, noise=0.5, views=True)
    changed = color_jitter(scene, config, generator)
    for color in (changed.color, *(view.color for view in changed.views)):
        assert color.min() >= 0
        assert color.max() <= 1
    assert changed.coord is scene.coord
    assert changed.views[0].depth is scene.views[0].depth


def test_views_change_only_if_asked_and_then_like_the_points(scene: Scene) -> None:
    config = ColorJitterConfig(brightness=0.2, contrast=0.2, noise=0)
    points_only = color_jitter(scene, config, torch.Generator().manual_seed(2))
    assert points_only.views is scene.views
    config = ColorJitterConfig(brightness=0.2, contrast=0.2, noise=0, views=True)
    both = color_jitter(scene, config, torch.Generator().manual_seed(2))
    assert torch.equal(both.color, points_only.color)
    pictures = torch.cat([view.color.reshape(-1, 3) for view in both.views])
    torch.testing.assert_close(pictures, both.color)


def test_a_third_of_a_turn_makes_red_green_and_leaves_grey() -> None:
    colors = torch.tensor([[0.8, 0.1, 0.2], [0.4, 0.4, 0.4]])
    turned = turn_hue(colors, 2 * math.pi / 3)
    torch.testing.assert_close(turned, torch.tensor([[0.2, 0.8, 0.1], [0.4, 0.4, 0.4]]))


@given(angle=st.floats(-math.pi, math.pi))
def test_turning_hues_keeps_brightness_and_distance_from_grey(angle: float) -> None:
    colors = torch.rand(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    turned = turn_hue(colors, angle)
    torch.testing.assert_close(turned.sum(dim=1), colors.sum(dim=1))
    torch.testing.assert_close(turned.norm(dim=1), colors.norm(dim=1))
    torch.testing.assert_close(turn_hue(turned, -angle), colors)


def test_hues_of_views_turn_with_the_points(scene: Scene) -> None:
    config = ColorJitterConfig(brightness=0, contrast=0, noise=0, hue=1, views=True)
    changed = color_jitter(scene, config, torch.Generator().manual_seed(3))
    assert float((changed.color - scene.color).abs().max()) > 0.1
    torch.testing.assert_close(
        torch.cat([view.color.reshape(-1, 3) for view in changed.views]), changed.color
    )


def test_the_asked_share_of_scenes_loses_its_colour_and_pictures_keep_theirs(scene: Scene) -> None:
    config = ColorJitterConfig(brightness=0, contrast=0, noise=0, drop=0.3, views=True)
    grey = 0
    for seed in range(100):
        changed = color_jitter(scene, config, torch.Generator().manual_seed(seed))
        dropped = bool((changed.color == 0.5).all())
        grey += dropped
        assert dropped or torch.allclose(changed.color, scene.color, atol=1e-6)
        torch.testing.assert_close(changed.views[0].color, scene.views[0].color)
    assert 15 <= grey <= 45


def test_a_full_stretch_fills_every_channel_and_half_of_it_goes_half_way(
    scene: Scene, generator: torch.Generator
) -> None:
    dull = replace(scene, color=0.3 + 0.4 * scene.color * torch.tensor([1.0, 0.5, 0.0]))
    full = AutoContrastConfig(probability=1.0, blend=1.0)
    changed = color_jitter(dull, STILL.model_copy(update={"auto_contrast": full}), generator).color
    torch.testing.assert_close(changed.amin(dim=0), torch.tensor([0.0, 0.0, 0.3]), atol=1e-6, rtol=0)
    torch.testing.assert_close(changed.amax(dim=0), torch.tensor([1.0, 1.0, 0.3]), atol=1e-6, rtol=0)
    half = full.model_copy(update={"blend": 0.5})
    middle = color_jitter(dull, STILL.model_copy(update={"auto_contrast": half}), generator).color
    torch.testing.assert_close(middle, (dull.color + changed) / 2)


def test_stretching_equals_a_loop(scene: Scene) -> None:
    color = scene.color[:20].double()
    lower, upper = torch.tensor([0.2, 0.1, 0.4]).double(), torch.tensor([0.7, 0.9, 0.4]).double()
    found = stretch_channels(color, lower, upper, 0.3)
    for row, new in zip(color.tolist(), found.tolist(), strict=True):
        for old, low, high, got in zip(row, lower.tolist(), upper.tolist(), new, strict=True):
            expected = old if high == low else 0.7 * old + 0.3 * (old - low) / (high - low)
            assert math.isclose(got, expected, abs_tol=1e-12)


def test_the_drawn_blend_lies_between_nothing_and_a_full_stretch(scene: Scene) -> None:
    dull = replace(scene, color=0.25 + 0.5 * scene.color)
    config = STILL.model_copy(update={"auto_contrast": AutoContrastConfig(probability=0.5)})
    spreads = [
        float(color_jitter(dull, config, torch.Generator().manual_seed(seed)).color[:, 0].std())
        for seed in range(60)
    ]
    still = float(dull.color[:, 0].std())
    stretched = [spread for spread in spreads if spread > still * (1 + 1e-6)]
    assert 15 <= len(stretched) <= 45
    assert len({round(spread, 5) for spread in stretched}) > 0.9 * len(stretched)
    assert max(spreads) <= 2.05 * still


def test_translation_adds_one_number_per_channel(scene: Scene) -> None:
    config = STILL.model_copy(update={"translation": 0.1, "translation_probability": 0.5})
    moved = 0
    for seed in range(60):
        changed = color_jitter(scene, config, torch.Generator().manual_seed(seed)).color
        inside = (changed > 0.001) & (changed < 0.999)
        offsets = []
        for channel in range(3):
            offset = (changed - scene.color)[inside[:, channel], channel]
            assert offset.max() - offset.min() < 1e-5
            offsets.append(float(offset.mean()))
        assert max(map(abs, offsets)) <= 0.1 + 1e-5
        if any(abs(offset) > 1e-6 for offset in offsets):
            moved += 1
            assert len({round(offset, 5) for offset in offsets}) == 3
    assert 15 <= moved <= 45


def test_noise_comes_in_the_asked_share_of_scenes(scene: Scene) -> None:
    config = ColorJitterConfig(brightness=0, contrast=0, noise=0.05, noise_probability=0.3)
    noisy = [
        not torch.allclose(
            color_jitter(scene, config, torch.Generator().manual_seed(seed)).color, scene.color, atol=1e-6
        )
        for seed in range(100)
    ]
    assert 15 <= sum(noisy) <= 45


def test_pictures_are_stretched_and_translated_like_the_points(
    scene: Scene, generator: torch.Generator
) -> None:
    config = STILL.model_copy(
        update={"auto_contrast": AutoContrastConfig(probability=1.0), "translation": 0.2, "views": True}
    )
    dull = replace(
        scene,
        color=0.4 + 0.2 * scene.color,
        views=tuple(replace(view, color=0.4 + 0.2 * view.color) for view in scene.views),
    )
    changed = color_jitter(dull, config, generator)
    assert float((changed.color - dull.color).abs().max()) > 0.05
    torch.testing.assert_close(
        torch.cat([view.color.reshape(-1, 3) for view in changed.views]), changed.color
    )


def test_each_change_is_made_even_alone(scene: Scene) -> None:
    for update in ({"hue": 1.0}, {"drop": 1.0}, {"translation": 0.2}, {"noise": 0.1}, {"brightness": 0.1}):
        color = STILL.model_copy(update=update)
        assert color.changes_colors
        config = AugmentationConfig.none().model_copy(update={"color": color})
        changed = augment(scene, config, torch.Generator().manual_seed(1))
        assert not torch.allclose(changed.color, scene.color, atol=1e-4)
    assert not STILL.changes_colors
