"""Runs of streets-detect-voxelnet from the recipe to the page and the official file, small enough for tests."""

import json
from pathlib import Path

import pytest
import torch
from ponder_data import SyntheticRooms, SyntheticRoomsConfig, SyntheticStreets, SyntheticStreetsConfig
from ponder_tasks.encoder_source import load_encoder, with_encoder
from ponder_tasks.evaluation import EvaluationOptions, evaluate_run
from ponder_tasks.finetuning import run_finetuning
from ponder_tasks.listener import SilentListener
from ponder_tasks.outdoor_detect.model import OutdoorDetectionModel
from ponder_tasks.outdoor_detect.sweep_batch import pack_sweeps
from ponder_tasks.overrides import apply_overrides
from ponder_tasks.recipe import OutdoorDetectRecipe
from ponder_tasks.recipes import get_recipe

TINY = (
    *(
        f"{data}.{change}"
        for data in ("train_data", "val_data")
        for change in ("scenes=1", "keyframes=1", "sweeps_per_keyframe=1", "sweeps=1", "lidar.columns=180")
    ),
    "encoder.grid.shape=[64,64,20]",
    "encoder.channels=[8,8,8]",
    "encoder.out_channels=8",
    "encoder.backend=torch",
    "trainer.steps=2",
    "trainer.batch_size=1",
    "trainer.workers=0",
    "head.channels=8",
    "head.layers=1",
)
NAME = "streets-detect-voxelnet"


def tiny(*changes: str) -> OutdoorDetectRecipe:
    recipe = apply_overrides(get_recipe(NAME), (*TINY, *changes))
    assert isinstance(recipe, OutdoorDetectRecipe)
    return recipe


def finetuned(recipe: OutdoorDetectRecipe, path: Path) -> Path:
    run_finetuning(recipe, path, command=f"ponder finetune {recipe.name}", listener=SilentListener())
    return path


def test_a_run_leaves_figures_boxes_and_the_official_file(tmp_path: Path) -> None:
    run = finetuned(tiny(), tmp_path / "run")
    closing = {m["name"]: m["value"] for m in json.loads((run / "summary.json").read_text())["measurements"]}
    assert list(closing) == ["nds", "map", "map_present", "mate", "mase", "maoe", "mave", "maae"]
    again = evaluate_run(run, EvaluationOptions(nuscenes_export=tmp_path / "official"))
    assert {m.name: m.value for m in again.measurements} == pytest.approx(closing, abs=1e-6)
    assert again.per_class is not None
    assert sum(again.per_class.counts) > 0
    official = json.loads((tmp_path / "official/results_nusc.json").read_text())
    assert official["meta"]["use_lidar"] is True
    assert len(official["results"]) == again.scenes == 1
    page = (run / "report.html").read_text()
    assert "True boxes: " in page
    assert "Detected boxes, at least 30% sure: " in page
    with pytest.raises(ValueError, match="official is there already"):
        evaluate_run(run, EvaluationOptions(nuscenes_export=tmp_path / "official"))
    with pytest.raises(ValueError, match="holds a VoxelNet"):
        load_encoder(run)
    # Another run can start from its encoder.
    later = with_encoder(tiny(), str(run))
    assert later.encoder.channels == (8, 8, 8)
    assert later.encoder_source == str(run)


def test_training_on_one_sweep_lowers_the_loss() -> None:
    recipe = tiny("train_data.lidar.columns=90", "encoder.grid.shape=[128,128,20]")
    assert isinstance(recipe.train_data, SyntheticStreetsConfig)
    batch = pack_sweeps([SyntheticStreets(recipe.train_data)[0]])
    torch.manual_seed(0)
    model = OutdoorDetectionModel(recipe)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    totals = []
    for _ in range(12):
        loss = model(batch, None).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        totals.append(float(loss.detach()))
    assert totals[-1] < 0.5 * totals[0]


def test_what_is_not_made_of_sweeps_is_refused() -> None:
    room = SyntheticRooms(
        SyntheticRoomsConfig(scenes=1, views=2, held_out_views=0, image_width=32, image_height=24)
    )[0]
    with pytest.raises(ValueError, match="no intensity and times of LiDAR returns"):
        pack_sweeps([room])
    with pytest.raises(ValueError, match="in_channels is 3, but sweeps have 2"):
        OutdoorDetectionModel(tiny("encoder.in_channels=3"))
