"""The common frame of outdoor pre-training: volumes in one box, whatever they are made of."""

from dataclasses import replace

import pytest
import torch
from driving_scenes import small_pretraining, small_streets
from ponder_data import SyntheticStreets
from ponder_render import RayBundle
from ponder_tasks.outdoor.batch import StreetBatch, pack_streets
from ponder_tasks.outdoor.batches import StreetSequence, street_sample, whole_street
from ponder_tasks.outdoor.box import BoxConfig
from ponder_tasks.outdoor.image_window import ImageWindowConfig
from ponder_tasks.outdoor.lidar_source import LidarSource
from ponder_tasks.outdoor.model import StreetsPretrainModel, open_space_loss
from ponder_tasks.outdoor.recipe import StreetsPretrainRecipe
from pydantic import ValidationError

RECIPE = small_pretraining()


@pytest.fixture(scope="module")
def scenes() -> SyntheticStreets:
    return SyntheticStreets(small_streets(keyframes=2))


@pytest.fixture(scope="module")
def batch(scenes: SyntheticStreets) -> StreetBatch:
    recipe = RECIPE.model_copy(update={"trainer": RECIPE.trainer.model_copy(update={"batch_size": 2})})
    found = StreetSequence(scenes, recipe)[0]
    assert isinstance(found, StreetBatch)
    return found


@pytest.fixture(scope="module")
def model() -> StreetsPretrainModel:
    torch.manual_seed(0)
    return StreetsPretrainModel(RECIPE)


def test_a_batch_has_points_rays_and_no_more_than_is_read(batch: StreetBatch) -> None:
    assert len(batch) == 2
    assert batch.points.features.shape[1] == 4
    assert batch.rays is not None
    assert batch.open is not None
    assert len(batch.rays) == len(batch.open) == 2 * 6 * 16
    assert batch.rays.scene_index.bincount().tolist() == [96, 96]
    assert batch.pictures is None, "the LiDAR's recipe looks at no pictures"
    assert batch.points.lower[:, 2].max() < -1, "the road lies under the sensor: the frame is kept"


def test_pictures_come_with_their_scene_where_cameras_are_looked_at(scenes: SyntheticStreets) -> None:
    camera = RECIPE.camera.model_copy(update={"window": ImageWindowConfig(width=50, height=28)})
    recipe = RECIPE.model_copy(update={"sensors": "camera", "camera": camera})
    samples = [street_sample(scenes[i], recipe, torch.Generator().manual_seed(i)) for i in range(2)]
    pictures = pack_streets(samples).pictures
    assert pictures is not None
    assert pictures.color.shape == (2, 6, 3, 28, 50)
    assert not torch.equal(pictures.camera_to_world[0], pictures.camera_to_world[1])


@pytest.mark.parametrize("normalise", [False, True])
def test_the_volume_is_the_average_of_the_points_in_each_cell(
    scenes: SyntheticStreets, normalise: bool
) -> None:
    batch = whole_street(scenes[0], RECIPE)
    torch.manual_seed(0)
    recipe = RECIPE.model_copy(update={"normalise_points": normalise})
    source = StreetsPretrainModel(recipe).eval().source
    assert isinstance(source, LidarSource)
    with torch.no_grad():
        cells = source(batch)
        features = source.point_features(batch)
    if normalise:
        variance, mean = torch.var_mean(features, dim=1, keepdim=True, correction=0)
        features = (features - mean) / (variance + 1e-5).sqrt()
    lower, upper = torch.tensor(RECIPE.box.lower), torch.tensor(RECIPE.box.upper)
    place = ((batch.coord - lower) / (upper - lower) * torch.tensor([20, 20, 5])).floor().long()
    for cell in ((9, 12, 2), (10, 9, 1), (8, 11, 2)):
        there = (place == torch.tensor(cell)).all(dim=1) & RECIPE.box.contains(batch.coord)
        assert int(cells.count[(0, *cell)]) == int(there.sum())
        mean = features[there].mean(dim=0) if there.any() else torch.zeros(8)
        assert torch.allclose(cells.features[(0, slice(None), *cell)], mean, atol=1e-5)
    assert int(cells.count.sum()) == int(RECIPE.box.contains(batch.coord).sum())


def test_every_loss_reaches_the_encoder(batch: StreetBatch, model: StreetsPretrainModel) -> None:
    model.train()
    losses = model(batch, torch.Generator().manual_seed(0))
    losses.check_finite()
    assert {"color", "distance", "open_space"} <= set(losses.named())
    first = next(model.source.parameters())
    for term in losses.terms:
        if term.name in ("color", "distance", "open_space"):
            (gradient,) = torch.autograd.grad(term.value, first, retain_graph=True)
            assert gradient.abs().max() > 0, term.name


def test_open_space_is_the_mean_opacity_of_open_rays(batch: StreetBatch, model: StreetsPretrainModel) -> None:
    rays = batch.rays
    assert rays is not None
    bundle = RayBundle(origin=rays.origin, direction=rays.direction, volume_index=rays.scene_index)
    with torch.no_grad():
        rendered = model.renderer(model.encode(batch), bundle)
    marked = torch.zeros(len(rays), dtype=torch.bool)
    marked[[3, 50, 70]] = True
    assert float(open_space_loss(rendered, marked)) == pytest.approx(
        float(rendered.opacity[marked].mean()), rel=1e-5
    )
    assert float(open_space_loss(rendered, torch.zeros_like(marked))) == 0


def test_normals_in_flat_cells_are_gradients_in_metres(
    scenes: SyntheticStreets, model: StreetsPretrainModel
) -> None:
    """Cells are 5.4 x 5.4 x 1.6 m: a gradient in cells would be wrong by another factor along z."""
    precise = StreetsPretrainModel(RECIPE).renderer.double()
    precise.load_state_dict(model.renderer.state_dict())
    with torch.no_grad():
        cells = model.source(whole_street(scenes[0], RECIPE))
        bounds = RECIPE.box.bounds(1, torch.zeros(1, dtype=torch.float64))
        volume = precise.build_volume_from_cells(cells.features.double(), cells.count, bounds)
        start, step = torch.tensor([3.1, 7.3, -1.3], dtype=torch.float64), 1e-5
        for axis in range(3):
            direction = torch.eye(3, dtype=torch.float64)[axis : axis + 1]
            bundle = RayBundle(
                origin=start[None], direction=direction, volume_index=torch.zeros(1, dtype=torch.int64)
            )
            at = precise(volume, bundle)
            moved = precise(volume, replace(bundle, origin=bundle.origin + step * direction))
            # Both are sampled up to the same far side, so sample j moves by (1 - u_j) step along the axis.
            travelled = (direction * (moved.samples.distance - at.samples.distance)[0, 0]).sum() + step
            slope = (moved.values.sdf - at.values.sdf)[0, 0] / travelled
            assert float(slope) == pytest.approx(float(at.values.gradient[0, 0, axis]), rel=1e-3, abs=1e-7)


def test_a_box_needs_a_volume() -> None:
    with pytest.raises(ValidationError, match="has no volume"):
        BoxConfig(lower=(0, 0, 0), upper=(1, 0, 1))


def test_a_recipe_that_leaves_the_frame_of_the_box_is_refused() -> None:
    centred = RECIPE.sample.augmentation.model_copy(update={"center": True})
    sample = RECIPE.sample.model_copy(update={"augmentation": centred})
    with pytest.raises(ValidationError, match=r"set center=false and tilt=0"):
        StreetsPretrainRecipe.model_validate({**dict(RECIPE), "sample": sample})


def test_points_are_normalised_by_the_source_and_not_by_the_renderer() -> None:
    renderer = RECIPE.renderer.model_copy(update={"normalise_points": True})
    with pytest.raises(ValidationError, match=r"set normalise_points$|set normalise_points "):
        StreetsPretrainRecipe.model_validate({**dict(RECIPE), "renderer": renderer})
