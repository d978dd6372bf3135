from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_data import AugmentationConfig, ElasticConfig, SampleConfig, Scene, augment, prepare_sample
from ponder_data.transforms import elastic
from ponder_data.transforms.elastic import DisplacementField, bend, displacement, draw_field
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import convolve1d
from torch import Tensor

BENT = ElasticConfig(probability=1.0)


def random_field(seed: int, strength: float = 0.1) -> DisplacementField:
    generator = torch.Generator().manual_seed(seed)
    return DisplacementField(
        node=strength * torch.randn(5, 6, 4, 3, generator=generator, dtype=torch.float64),
        origin=torch.tensor([-1.0, 0.5, 0.0], dtype=torch.float64),
        granularity=0.4,
    )


def places(seed: int, points: int = 30) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    share = torch.rand(points, 3, generator=generator, dtype=torch.float64)
    return torch.tensor([-1.0, 0.5, 0.0]) + share * 0.4 * torch.tensor([4.0, 5.0, 3.0])


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000))
def test_displacement_equals_scipy_and_its_slope_finite_differences(seed: int) -> None:
    field, coord = random_field(seed), places(seed)
    axes = [
        field.origin[axis].item() + 0.4 * np.arange(size) for axis, size in enumerate(field.node.shape[:3])
    ]
    expected = RegularGridInterpolator(axes, field.node.numpy())(coord.numpy())
    value, slope = displacement(field, coord)
    torch.testing.assert_close(value, torch.from_numpy(expected))
    for axis in range(3):
        # Within a cell the interpolation is linear along each axis, so differences are exact.
        cell = (coord[:, axis] - field.origin[axis]) / 0.4
        step = torch.zeros_like(coord)
        step[:, axis] = torch.where(cell - cell.floor() < 0.5, 0.1, -0.1)
        ahead, _ = displacement(field, coord + step)
        torch.testing.assert_close((ahead - value) / step[:, axis : axis + 1], slope[:, :, axis])


def test_a_field_is_smoothed_noise(generator: torch.Generator) -> None:
    coord = torch.tensor([[0.0, 0.0, 0.0], [7.0, 6.0, 3.0]])
    field = draw_field(coord, 0.2, 0.4, generator)
    assert field.node.shape == (38, 33, 18, 3)
    torch.testing.assert_close(field.origin, torch.full((3,), -0.2))
    noise = torch.randn((3, 38, 33, 18), generator=torch.Generator().manual_seed(0)).numpy()
    for _ in range(2):
        for axis in (1, 2, 3):
            noise = convolve1d(noise, np.full(3, 1 / 3), axis=axis, mode="constant")
    torch.testing.assert_close(field.node, 0.4 * torch.from_numpy(noise).permute(1, 2, 3, 0))
    # The two passes leave (19 / 81) ** 1.5 of the deviation.
    assert float(field.node[2:-2, 2:-2, 2:-2].std()) == pytest.approx(0.4 * (19 / 81) ** 1.5, rel=0.05)


def test_normals_stay_perpendicular_to_the_bent_surface() -> None:
    field, coord = random_field(3), places(3)
    generator = torch.Generator().manual_seed(4)
    along, across = torch.randn(2, 30, 3, generator=generator, dtype=torch.float64)
    normal = torch.nn.functional.normalize(torch.linalg.cross(along, across), dim=1)
    scene = Scene(name="s", dataset="d", coord=coord, color=torch.zeros_like(coord), normal=normal)
    bent = bend(scene, field)
    _, slope = displacement(field, coord)
    for tangent in (along, across):
        carried = tangent + (slope @ tangent[:, :, None]).squeeze(2)
        assert float((carried * bent.normal).sum(dim=1).abs().max()) < 1e-9
    torch.testing.assert_close(bent.normal.norm(dim=1), torch.ones(30, dtype=torch.float64))
    # A field that only turns a little leaves normals on their side.
    gentle = bend(scene, random_field(3, strength=0.01))
    assert bool(((gentle.normal * normal).sum(dim=1) > 0.9).all())


def test_points_without_normals_stay_so(scene: Scene, generator: torch.Generator) -> None:
    bare = replace(scene, normal=torch.zeros_like(scene.normal))
    assert torch.equal(elastic(bare, BENT, generator).normal, bare.normal)


def test_a_constant_field_is_a_translation(scene: Scene) -> None:
    field = DisplacementField(
        node=torch.tensor([0.3, -0.2, 0.1]).expand(3, 3, 3, 3), origin=torch.zeros(3), granularity=5.0
    )
    bent = bend(scene, field)
    torch.testing.assert_close(bent.coord, scene.coord + torch.tensor([0.3, -0.2, 0.1]))
    torch.testing.assert_close(bent.normal, scene.normal)
    assert bent.boxes is not None
    assert scene.boxes is not None
    torch.testing.assert_close(bent.boxes.center, scene.boxes.center + torch.tensor([0.3, -0.2, 0.1]))
    assert torch.equal(bent.boxes.size, scene.boxes.size)
    assert torch.equal(bent.boxes.heading, scene.boxes.heading)


def test_bent_scenes_have_no_views_and_repeat_with_their_generator(scene: Scene) -> None:
    first, again, other = (elastic(scene, BENT, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first.views == first.held_out_views == ()
    assert torch.equal(first.coord, again.coord)
    assert not torch.equal(first.coord, other.coord)
    assert len(scene.views) == 3


def test_the_asked_share_is_bent_and_none_of_the_others_has_views(scene: Scene) -> None:
    config = ElasticConfig(probability=0.5, granularity=(1.0,), magnitude=(0.5,))
    results = [elastic(scene, config, torch.Generator().manual_seed(seed)) for seed in range(40)]
    bent = sum(not torch.equal(result.coord, scene.coord) for result in results)
    assert 8 <= bent <= 32
    assert all(result.views == () for result in results)
    assert elastic(scene, ElasticConfig(), torch.Generator()) is scene


def test_rays_of_a_bent_scene_are_refused(scene: Scene, generator: torch.Generator) -> None:
    config = SampleConfig(grid_size=0.2, augmentation=AugmentationConfig(elastic=BENT))
    with pytest.raises(ValueError, match="no camera can follow"):
        prepare_sample(scene, config, generator, rays=True)
    assert prepare_sample(scene, config, generator, rays=False).scene.views == ()
    assert augment(scene, config.augmentation, generator).coord[:, 2].min() == 0


def test_bad_settings_are_refused(scene: Scene, generator: torch.Generator) -> None:
    with pytest.raises(ValueError, match="2 granularities but 1 magnitudes"):
        ElasticConfig(magnitude=(0.4,))
    with pytest.raises(ValueError, match="must be positive metres"):
        ElasticConfig(granularity=(0.0, 1.0))
    with pytest.raises(ValueError, match="use a coarser one"):
        elastic(scene, BENT.model_copy(update={"granularity": (1e-4,), "magnitude": (1.0,)}), generator)
    empty = torch.zeros(0, 3)
    with pytest.raises(ValueError, match="cannot be bent"):
        elastic(Scene(name="s", dataset="d", coord=empty, color=empty, normal=empty), BENT, generator)
