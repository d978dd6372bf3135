import math

import torch
from ponder_data import AugmentationConfig, JitterConfig, Scene, augment, project_to_view
from ponder_data.transforms import jitter


def test_noise_has_the_asked_deviation_and_limit(scene: Scene, generator: torch.Generator) -> None:
    moved = jitter(scene, JitterConfig(deviation=0.005, limit=1.0), generator).coord - scene.coord
    assert abs(float(moved.std()) - 0.005) < 0.0005
    assert moved.mean(dim=0).abs().max() < 0.001
    clipped = jitter(scene, JitterConfig(deviation=0.05, limit=0.02), generator).coord - scene.coord
    assert float(clipped.abs().max()) <= 0.02 + 1e-6
    assert float((clipped.abs() > 0.0199).float().mean()) > 0.5


def test_off_means_off(scene: Scene, generator: torch.Generator) -> None:
    state = generator.get_state()
    assert jitter(scene, JitterConfig(), generator) is scene
    assert torch.equal(state, generator.get_state())


def test_points_stay_near_their_pixels_and_views_as_they_are(
    scene: Scene, generator: torch.Generator
) -> None:
    limit = 0.01
    config = AugmentationConfig(
        jitter=JitterConfig(deviation=0.02, limit=limit), scale=(1.0, 1.0), center=False
    )
    changed = augment(scene, config, generator)
    assert changed.instance is not None
    numbers, clouds = changed.instance.chunk(3), changed.coord.chunk(3)
    for view, coord, number in zip(changed.views, clouds, numbers, strict=True):
        seen = project_to_view(coord, view)
        assert view.instance is not None
        row, column = torch.nonzero(view.instance >= 0).T
        order = view.instance.reshape(-1).argsort()
        pixel = torch.stack((column, row), dim=1)[order][number].float()
        # The bound of the docstring, at the nearer of the two depths; off the axis the depth's noise counts, too.
        focal = max(float(view.intrinsics[0, 0]), float(view.intrinsics[1, 1]))
        slope = 1.0 + ((pixel - view.intrinsics[:2, 2]) / focal).norm(dim=1)
        bound = focal * math.sqrt(3.0) * limit / (seen.z - math.sqrt(3.0) * limit) * slope
        assert bool(((seen.pixel - pixel).norm(dim=1) <= bound + 0.01).all())
        assert float((seen.pixel - pixel).norm(dim=1).max()) > 0.02
    assert torch.equal(jitter(scene, config.jitter, generator).normal, scene.normal)
    assert jitter(scene, config.jitter, generator).views is scene.views
