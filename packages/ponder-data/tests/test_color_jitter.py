import torch
from ponder_data import ColorJitterConfig, Scene
from ponder_data.transforms import color_jitter


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
