"""Cameras, and cameras with LiDAR, through the same renderer as LiDAR."""

from functools import cache
from typing import get_args

import pytest
import torch
from ponder_data import Scene, SyntheticStreets, SyntheticStreetsConfig
from ponder_encoders.fusion import VolumeFusionConfig
from ponder_encoders.image.depth_bins import DepthBinsConfig
from ponder_encoders.image.masking import ImageMaskingConfig
from ponder_encoders.image.pyramid import FeaturePyramidConfig
from ponder_render import SamplerConfig
from ponder_tasks.outdoor.batch import StreetBatch, pack_streets
from ponder_tasks.outdoor.batches import street_sample, whole_street
from ponder_tasks.outdoor.camera_volume import CameraVolumeConfig, LiftName
from ponder_tasks.outdoor.image_window import ImageWindowConfig
from ponder_tasks.outdoor.model import StreetsPretrainModel
from ponder_tasks.outdoor.recipe import Sensors, StreetsPretrainRecipe
from ponder_tasks.overrides import apply_overrides
from ponder_tasks.recipes import get_recipe
from ponder_tasks.recipes.streets_camera import streets_camera

pytest.importorskip("timm", reason="timm is not installed (extra images)")

LIFTS: tuple[LiftName, ...] = get_args(LiftName)


@cache
def street() -> Scene:
    """One keyframe with small pictures."""
    config = SyntheticStreetsConfig(scenes=1, keyframes=1, image_width=64, image_height=36)
    return SyntheticStreets(config)[0]


def make_recipe(sensors: Sensors, lift: LiftName = "uvtr") -> StreetsPretrainRecipe:
    recipe = streets_camera()
    camera = CameraVolumeConfig(
        window=ImageWindowConfig(width=64, height=36),
        backbone="test_convnext",
        weights="random",
        masking=ImageMaskingConfig(block=8),
        pyramid=FeaturePyramidConfig(channels=16, normalise=True),
        lift=lift,
        channels=16,
        depth_bins=DepthBinsConfig(nearest=1.0, farthest=49.0, count=16),
        layers=1,
    )
    renderer = recipe.renderer.model_copy(
        update={"volume_shape": (16, 16, 5), "sampler": SamplerConfig(uniform=12, importance=4)}
    )
    changes = {
        "sensors": sensors,
        "camera": camera,
        "encoder": recipe.encoder.model_copy(update={"backend": "torch"}),
        "fusion": VolumeFusionConfig(channels=16),
        "renderer": renderer,
        "sample": recipe.sample.model_copy(update={"rays_per_view": 8, "grid_size": 0.4}),
    }
    return recipe.model_copy(update=changes)


def make_batch(recipe: StreetsPretrainRecipe, seed: int = 0) -> StreetBatch:
    return pack_streets([street_sample(street(), recipe, torch.Generator().manual_seed(seed))])


def make_model(recipe: StreetsPretrainRecipe) -> StreetsPretrainModel:
    torch.manual_seed(0)
    return StreetsPretrainModel(recipe)


@pytest.mark.parametrize("lift", LIFTS)
def test_every_lift_learns_through_the_renderer(lift: LiftName) -> None:
    recipe = make_recipe("camera", lift)
    model, batch = make_model(recipe).train(), make_batch(recipe)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    totals, names = [], set()
    for _ in range(6):
        losses = model(batch, torch.Generator().manual_seed(0))
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        totals.append(losses.total.item())
        names = {term.name for term in losses.terms}
    assert totals[-1] < totals[0]
    assert ("camera_depth" in names) == (lift == "bevdepth")
    first = next(model.source.parameters()).grad
    assert first is not None
    assert first.abs().sum() > 0


def test_fusion_hears_both_sensors() -> None:
    recipe = make_recipe("fusion")
    model, batch = make_model(recipe).train(), make_batch(recipe)
    model(batch, torch.Generator().manual_seed(0)).total.backward()
    reached = {
        name.split(".")[1]
        for name, parameter in model.source.named_parameters(prefix="source")
        if parameter.grad is not None and parameter.grad.abs().sum() > 0
    }
    assert reached == {"lidar", "camera", "fusion"}
    cells = model.eval().source(batch)
    lidar = model.source.get_submodule("lidar")(batch)
    camera = model.source.get_submodule("camera")(batch)
    assert torch.equal(cells.count, lidar.count + camera.count)
    assert model.source.backend() == "torch"


def test_the_same_generator_hides_the_same_blocks() -> None:
    recipe = make_recipe("camera")
    source, batch = make_model(recipe).train().source, make_batch(recipe)
    first, again, other = (source(batch, torch.Generator().manual_seed(seed)).features for seed in (0, 0, 1))
    torch.testing.assert_close(first, again)
    assert not torch.allclose(first, other)
    source.eval()
    torch.testing.assert_close(source(batch).features, source(batch).features)


def test_cells_count_the_cameras_that_see_them() -> None:
    recipe = make_recipe("camera")
    cells = make_model(recipe).eval().source(whole_street(street(), recipe))
    assert cells.count.shape == (1, 16, 16, 5)
    # Six cameras look all around; beside one another they overlap, at the vehicle itself they see nothing.
    assert set(cells.count.unique().tolist()) >= {0, 1, 2}
    assert (cells.features.abs().sum(dim=1) > 0)[cells.count == 0].float().mean() == 0


def test_pictures_turn_with_the_scene() -> None:
    """A cell's features do not depend on where the LiDAR points after augmentation, only on what is in it."""
    recipe = make_recipe("camera", "projection")
    still, turned = whole_street(street(), recipe), make_batch(recipe, seed=3)
    assert still.pictures is not None
    assert turned.pictures is not None
    a, b = still.pictures.camera_to_world[0], turned.pictures.camera_to_world[0]
    between = torch.linalg.norm(a[:, None, :3, 3] - a[None, :, :3, 3], dim=-1)
    turned_between = torch.linalg.norm(b[:, None, :3, 3] - b[None, :, :3, 3], dim=-1)
    scale = float(turned_between.sum() / between.sum())
    assert 0.95 <= scale <= 1.05
    torch.testing.assert_close(turned_between, between * scale, atol=1e-4, rtol=1e-3)
    assert not torch.allclose(a, b, atol=0.05)


def test_only_what_is_needed_travels() -> None:
    assert make_batch(make_recipe("lidar")).pictures is None
    plain = make_batch(make_recipe("camera")).pictures
    assert plain is not None
    assert plain.depth is None
    supervised = make_batch(make_recipe("camera", "bevdepth")).pictures
    assert supervised is not None
    assert supervised.depth is not None
    assert (supervised.depth > 0).any()


@pytest.mark.parametrize("name", ["streets-camera", "streets-fusion", "nuscenes-camera", "nuscenes-fusion"])
def test_lift_and_network_are_choices_of_the_command_line(name: str) -> None:
    recipe = get_recipe(name)
    assert isinstance(recipe, StreetsPretrainRecipe)
    changed = apply_overrides(recipe, ["camera.lift=bevdepth", "camera.backbone=convnext_base"])
    assert changed.camera.lift == "bevdepth"
    assert changed.camera.backbone == "convnext_base"
    with pytest.raises(ValueError, match="bevformer"):
        apply_overrides(recipe, ["camera.lift=bevformr"])
    assert changed.renderer.field.sdf_layers == 6
    assert recipe.looks_at_pictures


def test_nuscenes_is_published_size() -> None:
    recipe = get_recipe("nuscenes-camera")
    assert isinstance(recipe, StreetsPretrainRecipe)
    assert recipe.renderer.volume_shape == (180, 180, 5)
    assert (recipe.box.lower, recipe.box.upper) == ((-54.0, -54.0, -5.0), (54.0, 54.0, 3.0))
    assert (recipe.camera.window.width, recipe.camera.window.height) == (1600, 900)
    assert recipe.camera.backbone == "convnext_small"
    assert recipe.camera.masking == ImageMaskingConfig(block=32, ratio=0.3)
    assert recipe.optimizer.learning_rate == 1e-4
    assert recipe.sample.rays_per_view == 512
    assert recipe.renderer.sampler.uniform + recipe.renderer.sampler.importance == 96
