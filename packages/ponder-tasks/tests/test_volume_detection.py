"""Detection on the volume of LiDAR, cameras or both: learning, and whole runs as their user makes them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from ponder_data import SyntheticRooms, SyntheticRoomsConfig, SyntheticStreets, SyntheticStreetsConfig
from ponder_tasks.bench.pictures import first_scene_pictures
from ponder_tasks.encoder_source import with_encoder
from ponder_tasks.evaluation import EvaluationOptions, evaluate_run
from ponder_tasks.finetuning import run_finetuning
from ponder_tasks.listener import SilentListener
from ponder_tasks.outdoor.batch import pack_streets
from ponder_tasks.outdoor.recipe import Sensors
from ponder_tasks.outdoor_detect.street_samples import boxed_street
from ponder_tasks.outdoor_detect.volume_model import VolumeDetectionModel
from ponder_tasks.outdoor_detect.volume_neck import VolumeNeck, VolumeNeckConfig
from ponder_tasks.recipe import VolumeDetectRecipe
from ponder_tasks.recipes import get_recipe
from torch._subclasses.fake_tensor import FakeTensorMode
from volume_recipes import tiny_detection, written_pretraining

pytest.importorskip("timm", reason="timm is not installed (extra images)")


@pytest.mark.parametrize(
    ("sensors", "name"),
    [("lidar", None), ("lidar", "streets-detect-uvtr"), ("camera", None), ("fusion", None)],
)
def test_training_on_one_street_lowers_the_loss(sensors: Sensors, name: str | None) -> None:
    recipe = tiny_detection(sensors, name)
    assert isinstance(recipe.train_data, SyntheticStreetsConfig)
    scene = SyntheticStreets(recipe.train_data)[0]
    batch = pack_streets([boxed_street(scene, recipe, torch.Generator().manual_seed(0))])
    assert batch.rays is None
    assert (batch.pictures is None) == (sensors == "lidar")
    torch.manual_seed(0)
    model = VolumeDetectionModel(recipe).train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    totals = []
    for _ in range(8):
        loss = model(batch, None).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        totals.append(float(loss.detach()))
    assert totals[-1] < 0.8 * totals[0]
    found = model.eval().detect_scene(scene)
    assert found.score.isfinite().all()


def test_a_fused_run_from_pretraining_to_the_official_file(tmp_path: Path) -> None:
    before = written_pretraining("fusion", tmp_path / "streets-fusion-1")
    recipe = with_encoder(tiny_detection("fusion"), str(before))
    run = tmp_path / "run"
    run_finetuning(recipe, run, command="ponder finetune streets-fusion-detect", listener=SilentListener())
    closing = {m["name"]: m["value"] for m in json.loads((run / "summary.json").read_text())["measurements"]}
    assert list(closing) == ["nds", "map", "map_present", "mate", "mase", "maoe", "mave", "maae"]
    again = evaluate_run(run, EvaluationOptions(nuscenes_export=tmp_path / "official"))
    assert {m.name: m.value for m in again.measurements} == pytest.approx(closing, abs=1e-6)
    official = json.loads((tmp_path / "official/results_nusc.json").read_text())
    assert (official["meta"]["use_lidar"], official["meta"]["use_camera"]) == (True, True)
    assert "True boxes: " in (run / "report.html").read_text()
    layers = [layer.caption.split(":")[0] for layer in first_scene_pictures(run).layers]
    assert layers == ["True boxes", "Detected boxes, at least 30% sure"]


def test_a_run_of_cameras_says_so(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run_finetuning(tiny_detection("camera"), run, command="test", listener=SilentListener())
    evaluate_run(run, EvaluationOptions(nuscenes_export=tmp_path / "official"))
    official = json.loads((tmp_path / "official/results_nusc.json").read_text())
    assert (official["meta"]["use_lidar"], official["meta"]["use_camera"]) == (False, True)


def test_the_loss_of_a_lifts_depth_is_learned_too() -> None:
    recipe = tiny_detection("camera")
    recipe = recipe.model_copy(update={"camera": recipe.camera.model_copy(update={"lift": "bevdepth"})})
    assert isinstance(recipe.train_data, SyntheticStreetsConfig)
    scene = SyntheticStreets(recipe.train_data)[0]
    batch = pack_streets([boxed_street(scene, recipe, torch.Generator().manual_seed(0))])
    losses = VolumeDetectionModel(recipe).train()(batch, None)
    assert [term.name for term in losses.terms] == ["heatmap", "box", "attribute", "camera_depth"]


@pytest.mark.parametrize("name", ["streets-detect", "streets-detect-uvtr"])
def test_what_a_head_says_stays_on_the_device_of_the_volume(name: str) -> None:
    with FakeTensorMode(), torch.device("cuda"):
        model = VolumeDetectionModel(tiny_detection("lidar", name))
        said = model.head.network(model.neck(torch.zeros(1, 8, 24, 24, 5)))
        assert said.code.device.type == said.attribute.device.type == "cuda"


def test_what_cannot_be_learned_from_is_refused() -> None:
    recipe = tiny_detection("lidar")
    room = SyntheticRooms(
        SyntheticRoomsConfig(scenes=1, views=2, held_out_views=0, image_width=32, image_height=24)
    )[0]
    with pytest.raises(ValueError, match="is not of a vehicle's LiDAR"):
        boxed_street(room, recipe, torch.Generator())
    assert isinstance(recipe.train_data, SyntheticStreetsConfig)
    street = replace(SyntheticStreets(recipe.train_data)[0], boxes=None)
    batch = pack_streets([boxed_street(street, recipe, torch.Generator().manual_seed(0))])
    with pytest.raises(ValueError, match=r"not all of the scenes streets-train-0-00009/000 have boxes"):
        VolumeDetectionModel(recipe)(batch, None)


def test_a_neck_spreads_what_a_cell_knows() -> None:
    torch.manual_seed(0)
    volume = torch.zeros(1, 4, 7, 7, 5)
    volume[0, :, 3, 3, 2] = 1.0
    assert torch.equal(VolumeNeck(4, VolumeNeckConfig())(volume), volume)
    neck = VolumeNeck(4, VolumeNeckConfig(blocks=2, channels=8, groups=4))
    assert neck.out_channels == 8
    far = volume.clone()
    far[0, :, 0, 0, 0] = 5.0
    reached = (neck.blocks[0](far) - neck.blocks[0](volume)).abs().sum(dim=1)[0] > 0
    assert reached.nonzero().amax(dim=0).tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="3 groups do not divide 8 channels"):
        VolumeNeckConfig(channels=8, groups=3)


@pytest.mark.parametrize("sensors", ["lidar", "camera", "fusion"])
def test_recipes_for_nuscenes_are_of_published_size(sensors: Sensors) -> None:
    recipe = get_recipe(f"nuscenes-{sensors}-detect")
    assert isinstance(recipe, VolumeDetectRecipe)
    assert (recipe.sensors, recipe.volume_shape) == (sensors, (180, 180, 5))
    assert recipe.head.kind == "queries"
    assert recipe.head.queries == 900
    assert recipe.camera.masking is None
    assert recipe.camera.window.width == 1600
    assert recipe.optimizer.learning_rate == {"lidar": 2e-5, "camera": 2e-4, "fusion": 4e-5}[sensors]
