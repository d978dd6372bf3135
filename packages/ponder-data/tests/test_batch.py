from dataclasses import fields, replace

import pytest
import torch
from ponder_data import (
    Batch,
    Sample,
    SampleConfig,
    Scene,
    collate,
    point_features,
    prepare_sample,
    sweep_features,
)
from torch import Tensor

from .conftest import build_scene, known


def samples(*, rays: bool = True) -> list[Sample]:
    config = SampleConfig(grid_size=0.3, rays_per_view=5, views_per_scene=2)
    scenes: list[Scene] = [build_scene(i, views=i + 1) for i in range(3)]
    scenes[1] = replace(scenes[1], semantic=None, instance=None, dataset="other")
    return [
        prepare_sample(scene, config, torch.Generator().manual_seed(i), rays=rays)
        for i, scene in enumerate(scenes)
    ]


def test_collate_packs_in_order() -> None:
    parts = samples()
    batch = collate(parts)
    assert len(batch) == 3
    assert batch.names == ("scene 0", "scene 1", "scene 2")
    assert batch.datasets == ("test", "other", "test")
    first = 0
    for i, (part, last) in enumerate(zip(parts, batch.offsets.tolist(), strict=True)):
        scene = part.scene
        assert last - first == len(scene)
        assert torch.equal(batch.coord[first:last], scene.coord)
        assert torch.equal(batch.grid_coord[first:last], known(scene.grid_coord))
        assert torch.equal(batch.features[first:last, :3], scene.color * 2 - 1)
        assert torch.equal(batch.features[first:last, 3:], scene.normal)
        assert torch.equal(batch.lower[i], part.lower)
        assert torch.equal(batch.upper[i], part.upper)
        missing = torch.full((len(scene),), -1)
        for name in ("semantic", "instance"):
            expected = getattr(scene, name)
            assert torch.equal(getattr(batch, name)[first:last], missing if expected is None else expected)
        first = last
    assert first == batch.coord.shape[0]
    assert (batch.semantic[batch.offsets[0] : batch.offsets[1]] == -1).all()


def test_rays_know_their_scene() -> None:
    parts = samples()
    rays = collate(parts).rays
    assert rays is not None
    # Scene 0 has one view, the others two are drawn from.
    assert rays.scene_index.tolist() == [0] * 5 + [1] * 10 + [2] * 10
    assert parts[2].rays is not None
    assert torch.equal(rays.origin[15:], parts[2].rays.origin)
    assert parts[2].rays.scene_index.unique().tolist() == [0], "changed its input"


def test_features_span_minus_one_to_one() -> None:
    features = point_features(torch.tensor([[0.0, 0.5, 1.0]]), torch.tensor([[0.0, 0.0, 1.0]]))
    assert features.tolist() == [[-1.0, 0.0, 1.0, 0.0, 0.0, 1.0]]


def swept(scene: Scene) -> Scene:
    points = len(scene)
    return replace(scene, intensity=torch.full((points,), 0.25), time=torch.full((points,), 0.1))


def test_sweeps_are_read_by_height_distance_intensity_and_time() -> None:
    scene = replace(
        swept(build_scene(0)), coord=torch.tensor([[15.0, 20.0, -1.0]]).expand(len(build_scene(0)), 3)
    )
    assert sweep_features(scene)[0].tolist() == pytest.approx([-0.5, 1.0, 0.25, 0.2])
    assert sweep_features(replace(scene, intensity=None))[0, 2] == 0
    sample = prepare_sample(swept(build_scene(0)), SampleConfig(grid_size=0.3), torch.Generator(), rays=False)
    assert torch.equal(collate([sample]).features, sweep_features(sample.scene))
    with pytest.raises(ValueError, match="some are a vehicle's LiDAR"):
        collate([sample, samples(rays=False)[0]])


def test_flat_cells_are_as_high_as_asked_for() -> None:
    config = SampleConfig(grid_size=0.1, grid_height=0.4)
    assert config.cell == (0.1, 0.1, 0.4)
    scene = prepare_sample(build_scene(0), config, torch.Generator(), rays=False).scene
    cells = torch.floor(scene.coord.double() / torch.tensor([0.1, 0.1, 0.4], dtype=torch.float64)).long()
    assert torch.equal(cells - cells.amin(dim=0), known(scene.grid_coord))


def test_without_rays_the_batch_has_none() -> None:
    assert collate(samples(rays=False)).rays is None


def test_what_does_not_pack_is_refused(scene: Scene) -> None:
    with pytest.raises(ValueError, match="no samples"):
        collate([])
    parts = samples()
    with pytest.raises(ValueError, match="2 of 3 samples have rays"):
        collate([replace(parts[0], rays=None), *parts[1:]])
    with pytest.raises(ValueError, match="'scene 0' has no grid_coord"):
        collate([replace(parts[0], scene=scene)])


def tensors_of(batch: Batch) -> list[Tensor]:
    owners = [batch] if batch.rays is None else [batch, batch.rays]
    values = [getattr(owner, field.name) for owner in owners for field in fields(owner)]
    return [value for value in values if isinstance(value, Tensor)]


def test_to_moves_every_tensor() -> None:
    batch = collate(samples())
    moved = batch.to("meta")
    assert len(tensors_of(moved)) == len(tensors_of(batch)) == 15
    assert {tensor.device.type for tensor in tensors_of(moved)} == {"meta"}
    assert moved.names == batch.names
    assert collate(samples(rays=False)).to("meta").rays is None


@pytest.mark.gpu
def test_pinned_batches_reach_the_gpu_unchanged() -> None:
    if not torch.cuda.is_available():
        pytest.skip("pinned memory needs a CUDA device")
    batch = collate(samples())
    pinned = batch.pin_memory()
    assert all(tensor.is_pinned() for tensor in tensors_of(pinned))
    there = pinned.to("cuda", non_blocking=True)
    for a, b in zip(tensors_of(batch), tensors_of(there), strict=True):
        assert torch.equal(a, b.cpu())
