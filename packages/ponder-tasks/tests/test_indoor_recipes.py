"""Recipes for indoor datasets: where they read, that their parts fit, and training on all three at once."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ponder_data import (
    Mixture,
    S3disConfig,
    ScanNetConfig,
    ScanNetRoomsConfig,
    Scene,
    Structured3dConfig,
    SyntheticRooms,
    SyntheticRoomsConfig,
    VirtuallyViewed,
    write_scannet_rooms,
)
from ponder_data.labels import S3DIS, SCANNET20
from ponder_render import VolumeRenderer
from ponder_tasks.batches import BatchSequence
from ponder_tasks.overrides import apply_overrides
from ponder_tasks.pretrain.model import PretrainModel
from ponder_tasks.recipe import PretrainRecipe
from ponder_tasks.recipes import get_recipe
from ponder_tasks.recipes.three_datasets import CLASSES, CONDITIONS, scannet_alone
from ponder_tasks.scene_config import MixtureConfig, VirtualViewsConfig, scene_config_at
from ponder_tasks.scene_sources import open_scenes
from ponder_tasks.segment.evaluation import Segmented
from ponder_tasks.segment.export import ScanNetExport

SMALL = (
    "train_data.parts.0.data.views=2",
    "train_data.parts.0.data.image_width=32",
    "train_data.parts.1.data.views=2",
    "train_data.parts.1.data.image_width=32",
    "train_data.parts.1.data.image_height=24",
    "encoder.base_channels=8",
    "encoder.channels=[8,8]",
    "encoder.layers=[1,1]",
    "encoder.context_channels=4",
    "encoder.backend=torch",
    "sample.grid_size=0.2",
    "sample.masking.ratio=0",
    "sample.views_per_scene=1",
    "sample.rays_per_view=8",
    "renderer.volume_shape=[8,8,8]",
    "renderer.dense.channels=8",
    "renderer.field.hidden=8",
    "renderer.field.geometry_channels=3",
    "renderer.field.appearance_channels=4",
    "renderer.sampler.uniform=8",
    "renderer.sampler.importance=4",
)


def write_s3dis(root: Path) -> None:
    """Write a room of 4 x 3 x 2.5 m in each area but the fifth: floor, ceiling and walls."""
    generator, size = np.random.default_rng(0), np.array([4.0, 3.0, 2.5])
    coord = generator.random((1800, 3)) * size
    side, rows = generator.integers(0, 6, len(coord)), np.arange(len(coord))
    coord[rows, side // 2] = np.where(side % 2 == 0, 0.0, size[side // 2])
    names = np.array(["wall_1", "wall_2", "wall_3", "wall_4", "floor_1", "ceiling_1"])[side]
    table = np.concatenate([coord, 255 * coord / size], axis=1)
    for area in (1, 2, 3, 4, 6):
        folder = root / f"Area_{area}" / "office_1" / "Annotations"
        folder.mkdir(parents=True)
        for name in np.unique(names):
            np.savetxt(folder / f"{name}.txt", table[names == name], fmt="%.3f")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("indoor")
    rooms = ScanNetRoomsConfig(train=1, val=1, frames=3, image_width=40, image_height=30, voxel=0.1)
    write_scannet_rooms(rooms, root / "scannet")
    write_s3dis(root / "s3dis")
    return root


@pytest.mark.parametrize("name", ["indoor", "indoor-small", "indoor-cpu"])
def test_three_datasets_have_norms_shares_and_folders_of_their_own(name: str, tmp_path: Path) -> None:
    recipe = get_recipe(name)
    assert isinstance(recipe, PretrainRecipe)
    assert recipe.encoder.conditions == CONDITIONS
    for folder in ("scannet", "s3dis", "structured3d"):
        (tmp_path / folder).mkdir()
    placed = scene_config_at(recipe.train_data, tmp_path)
    assert isinstance(placed, MixtureConfig)
    assert [part.condition for part in placed.parts] == list(CONDITIONS)
    assert [part.weight for part in placed.parts] == [2, 1, 4]
    scannet, s3dis, structured3d = (part.data for part in placed.parts)
    assert isinstance(scannet, ScanNetConfig)
    assert scannet.path == tmp_path / "scannet"
    assert isinstance(s3dis, VirtualViewsConfig)
    assert isinstance(s3dis.data, S3disConfig)
    assert s3dis.data.path == tmp_path / "s3dis"
    assert isinstance(structured3d, Structured3dConfig)
    (tmp_path / "s3dis").rmdir()
    with pytest.raises(ValueError, match=r"there is no .*s3dis"):
        scene_config_at(recipe.train_data, tmp_path)


def test_the_published_decoder_has_the_published_shapes() -> None:
    recipe = get_recipe("indoor")
    assert isinstance(recipe, PretrainRecipe)
    with torch.device("meta"):
        renderer = VolumeRenderer(recipe.renderer, in_channels=96)
    shapes = {name: tuple(value.shape) for name, value in renderer.field.named_parameters()}
    assert (128, 64) in shapes.values(), "the SDF network reads 64 channels"
    # 64 of the volume, 64 of geometry, the normal, the direction.
    assert (3, 134) in shapes.values()
    assert (recipe.optimizer.learning_rate, recipe.trainer.batch_size) == (pytest.approx(8e-4), 8)


def test_datasets_with_photographs_and_virtual_pictures_train_together(root: Path) -> None:
    recipe = get_recipe("indoor")
    assert isinstance(recipe, PretrainRecipe)
    mixture = recipe.train_data
    assert isinstance(mixture, MixtureConfig)
    two = mixture.model_copy(update={"parts": mixture.parts[:2]})
    small = apply_overrides(recipe.model_copy(update={"train_data": two}), SMALL)
    scenes = open_scenes(scene_config_at(small.train_data, root))
    assert isinstance(scenes, Mixture)
    assert scenes.conditions == ("ScanNet", "S3DIS")
    assert {view.source for view in scenes[0].views} == {"synthetic"}
    room = scenes[1]
    assert room.dataset == "s3dis"
    assert [view.source for view in room.views] == ["virtual", "virtual"]
    assert room.views[0].semantic is not None
    assert {CLASSES[label] for label in room.views[0].semantic.unique().tolist() if label >= 0} <= {
        "wall",
        "floor",
        "ceiling",
    }
    batches = BatchSequence(scenes, small.sample, batch_size=4, steps=1, seed=0, rays=True)
    losses = PretrainModel(small, None)(batches[0], torch.Generator().manual_seed(0))
    assert set(batches[0].conditions) == {"ScanNet", "S3DIS"}
    losses.check_finite()
    losses.total.backward()


def test_virtual_views_are_the_same_whether_some_are_held_out_or_not() -> None:
    rooms = SyntheticRooms(
        SyntheticRoomsConfig(scenes=1, views=2, held_out_views=0, image_width=32, image_height=24)
    )
    cameras = VirtualViewsConfig(
        data=S3disConfig(), views=2, held_out_views=1, image_width=32, image_height=24, voxel=0.1
    )

    def seen(held_out: bool) -> Scene:
        return VirtuallyViewed(rooms, cameras, held_out=held_out)[0]

    training, validation = seen(False), seen(True)
    assert (len(training.views), len(training.held_out_views)) == (2, 0)
    assert [view.name for view in validation.held_out_views] == ["virtual-01"]
    for ours, theirs in zip(training.views, validation.views, strict=True):
        assert ours.source == "virtual"
        assert torch.equal(ours.color, theirs.color)
        assert torch.equal(ours.camera_to_world, theirs.camera_to_world)


def test_joint_models_are_judged_among_scannets_classes_and_submit_them(root: Path, tmp_path: Path) -> None:
    config = scene_config_at(scannet_alone("val"), root)
    scenes = open_scenes(config)
    assert isinstance(scenes, Mixture)
    assert scenes.class_names[:20] == SCANNET20.names
    assert scenes.known_classes(0) == tuple(range(20))
    assert set(S3DIS.names) - {"bookcase"} <= set(CLASSES), "a bookcase is a bookshelf"
    export = ScanNetExport(tmp_path / "submission", scenes.class_names)
    scene = scenes[0]
    prediction = torch.arange(len(scene)) % 20
    lines = export.write(Segmented(scene=scene, prediction=prediction)).read_text().split()
    assert lines[:3] == ["1", "2", "3"]
    assert len(lines) == len(scene)
    with pytest.raises(ValueError, match="class 20 is predicted, none of ScanNet's 20"):
        export.write(Segmented(scene=scene, prediction=prediction + 1))


def test_folds_of_s3dis_are_set_for_both_splits() -> None:
    recipe = apply_overrides(get_recipe("s3dis-semseg"), ("train_data.fold=2", "val_data.fold=2"))
    assert isinstance(recipe.train_data, S3disConfig)
    assert isinstance(recipe.val_data, S3disConfig)
    assert (recipe.train_data.fold, recipe.val_data.fold) == (2, 2)
    with pytest.raises(ValueError, match=r"unknown recipe key 'train_data\.parts\.7"):
        apply_overrides(get_recipe("indoor"), ("train_data.parts.7.data.views=1",))
