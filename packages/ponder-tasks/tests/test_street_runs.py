"""Whole runs on driving scenes: pre-train, measure again, fine-tune for segmentation, export."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from driving_scenes import small_pretraining, small_segmentation, small_streets, write_sweeps
from ponder_data import (
    NUSCENES_CLASSES,
    NuScenes,
    NuScenesConfig,
    NuScenesTablesConfig,
    RecordingConfig,
    SyntheticRoomsConfig,
    write_nuscenes_tables,
)
from ponder_data.streets.lidar import LidarConfig
from ponder_tasks.encoder_source import with_encoder
from ponder_tasks.encoding import encode_scan
from ponder_tasks.evaluation import EvaluationOptions, evaluate_run
from ponder_tasks.finetuning import run_finetuning
from ponder_tasks.listener import SilentListener
from ponder_tasks.outdoor.lidarseg_export import LidarsegExport, with_all_points
from ponder_tasks.pretrain.task import run_pretraining
from ponder_tasks.recipe import SegmentRecipe
from ponder_tasks.recipes import get_recipe
from ponder_tasks.scene_config import scene_config_at
from ponder_tasks.segment.evaluation import Segmented


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "streets-1"
    run_pretraining(small_pretraining(), path, command="test", listener=SilentListener())
    return path


def test_the_report_shows_six_rendered_pictures_and_can_be_measured_again(pretrained: Path) -> None:
    page = (pretrained / "report.html").read_text()
    assert page.count("CAM_") >= 6
    evaluation = evaluate_run(pretrained)
    names = {measurement.name for measurement in evaluation.measurements}
    assert {"psnr", "depth_error"} <= names
    closing = json.loads((pretrained / "metrics.jsonl").read_text().splitlines()[-1])
    assert closing


def test_the_encoder_goes_on_to_segment_on_its_own_grid(pretrained: Path, tmp_path: Path) -> None:
    recipe = small_segmentation("streets-semseg").model_copy(
        update={
            "train_data": small_streets(first=5),
            "val_data": small_streets(split="val"),
            "sample": small_segmentation().sample.model_copy(update={"grid_size": 9.0}),
        }
    )
    started = with_encoder(recipe, str(pretrained))
    assert started.sample.grid_size == small_pretraining().sample.grid_size
    end = run_finetuning(started, tmp_path / "semseg", command="test", listener=SilentListener())
    assert {measurement.name for measurement in end.measurements} >= {"miou"}


def test_an_encoder_of_sweeps_is_none_of_rooms(pretrained: Path, tmp_path: Path) -> None:
    rooms = get_recipe("rooms-semseg")
    assert isinstance(rooms, SegmentRecipe)
    with pytest.raises(ValueError, match=r"reads 4 channels of each point .*, but here there are 6 channels"):
        with_encoder(rooms, str(pretrained))
    scan, numbers = tmp_path / "scan.npz", np.random.default_rng(0).random((50, 3), dtype=np.float32)
    np.savez(scan, coord=numbers, color=numbers, normal=np.full((50, 3), 3**-0.5, dtype=np.float32))
    with pytest.raises(ValueError, match=r"reads 4 channels of each point"):
        encode_scan(scan, pretrained, tmp_path / "features.npz")


def test_lidarseg_files_hold_a_class_of_every_point_of_a_sweep(tmp_path: Path) -> None:
    sweeps, run, out = tmp_path / "sweeps", tmp_path / "run", tmp_path / "out"
    sweeps.mkdir()
    write_sweeps(sweeps, 3)
    recipe = small_segmentation()
    train = scene_config_at(recipe.train_data, sweeps).model_copy(update={"count": 2})
    val = scene_config_at(recipe.val_data, sweeps).model_copy(update={"first": 2, "count": 1})
    recipe = recipe.model_copy(update={"train_data": train, "val_data": val})
    run_finetuning(recipe, run, command="test", listener=SilentListener())
    evaluate_run(run, EvaluationOptions(lidarseg_export=out))
    labels = np.fromfile(out / "lidarseg" / "val" / "02_lidarseg.bin", dtype=np.uint8)
    assert len(labels) == 400, (
        "points on the vehicle are dropped in training, but the benchmark wants them too"
    )
    assert labels.min() >= 1
    assert labels.max() <= len(NUSCENES_CLASSES)
    about = json.loads((out / "val" / "submission.json").read_text())
    assert about["meta"]["use_lidar"] is True
    with pytest.raises(ValueError, match="not an empty folder"):
        evaluate_run(run, EvaluationOptions(lidarseg_export=out))


def test_keyframes_are_named_by_the_token_of_their_lidar(tmp_path: Path) -> None:
    recording = RecordingConfig(
        keyframes=1, sweeps_per_keyframe=2, image_width=16, image_height=9, lidar=LidarConfig(columns=90)
    )
    tables = NuScenesTablesConfig(train=0, val=1, version="v1.0-mini", recording=recording)
    root = write_nuscenes_tables(tables, tmp_path / "tables").path
    config = with_all_points(
        NuScenesConfig(path=root, version="v1.0-mini", split="mini_val", sweeps=2, image_width=16)
    )
    scenes = NuScenes(NuScenesConfig.model_validate(dict(config)))
    export = LidarsegExport(tmp_path / "out", config, scenes)
    scene = scenes[0]
    assert scene.semantic is not None
    path = export.write(Segmented(scene=scene, prediction=scene.semantic.clamp(min=0)))
    record = scenes.records[0]
    assert path == tmp_path / "out" / "lidarseg" / "mini_val" / f"{record.sweeps[0].token}_lidarseg.bin"
    sweep = (root / record.sweeps[0].file).stat().st_size // 20
    written = np.fromfile(path, dtype=np.uint8)
    assert len(written) == sweep
    truth = scene.semantic[: len(written)]
    assert torch.equal(torch.from_numpy(written).long()[truth >= 0] - 1, truth[truth >= 0])


def test_the_export_refuses_rooms() -> None:
    with pytest.raises(ValueError, match="is for driving scenes, and rooms are none"):
        with_all_points(SyntheticRoomsConfig())
