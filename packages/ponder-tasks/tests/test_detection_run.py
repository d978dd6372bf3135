"""Runs of rooms-detect from the recipe to the page, small enough for tests."""

import json
from pathlib import Path

import pytest
import torch
from ponder_tasks.checkpoint import load_weights
from ponder_tasks.evaluation import evaluate_run
from ponder_tasks.finetuning import run_finetuning
from ponder_tasks.listener import SilentListener
from ponder_tasks.overrides import apply_overrides
from ponder_tasks.recipe import DetectRecipe
from ponder_tasks.recipes import get_recipe

TINY = (
    "train_data.scenes=2",
    "train_data.views=3",
    "train_data.image_width=64",
    "train_data.image_height=48",
    "val_data.scenes=1",
    "val_data.views=3",
    "val_data.image_width=64",
    "val_data.image_height=48",
    "sample.grid_size=0.15",
    "encoder.base_channels=8",
    "encoder.channels=[8,16,16,8]",
    "encoder.layers=[1,1,1,1]",
    "encoder.backend=torch",
    "votenet.seeds=64",
    "votenet.proposals=16",
    "votenet.channels=16",
    "trainer.steps=2",
    "trainer.batch_size=2",
    "trainer.workers=0",
    "decoding.least_points=0",
)


def tiny(name: str, *changes: str) -> DetectRecipe:
    recipe = apply_overrides(get_recipe(name), (*TINY, *changes))
    assert isinstance(recipe, DetectRecipe)
    return recipe


def finetuned(recipe: DetectRecipe, path: Path) -> Path:
    run_finetuning(recipe, path, command=f"ponder finetune {recipe.name}", listener=SilentListener())
    return path


@pytest.mark.parametrize("name", ["rooms-detect", "rooms-detect-pointnet"])
def test_a_run_leaves_figures_and_boxes_that_evaluation_finds_again(name: str, tmp_path: Path) -> None:
    run = finetuned(tiny(name), tmp_path / "run")
    closing = {m["name"]: m["value"] for m in json.loads((run / "summary.json").read_text())["measurements"]}
    assert set(closing) == {"ap25", "ap50", "ap25_aligned", "ap50_aligned", "recall25"}
    again = evaluate_run(run)
    assert {m.name: m.value for m in again.measurements} == pytest.approx(closing, abs=1e-9)
    assert again.per_class is not None
    assert again.per_class.class_names == tiny(name).classes
    assert sum(again.per_class.counts) > 0
    page = (run / "report.html").read_text()
    assert f"Detection: {name}" in page
    assert "True boxes: " in page
    assert "Detected boxes, at least 50% sure: " in page
    # The mean sizes of the classes travel with the weights.
    sizes = load_weights(run).tensors["mean_sizes"]
    assert (sizes > 0.05).all()
    assert not torch.equal(sizes, torch.ones_like(sizes))


def test_a_probe_starts_from_the_encoder_of_another_run_and_leaves_it_alone(tmp_path: Path) -> None:
    first = finetuned(tiny("rooms-detect"), tmp_path / "first")
    source = f"encoder_source={first}"
    before = load_weights(first).under("encoder.")
    probe = finetuned(tiny("rooms-detect", source, "freeze_encoder=true"), tmp_path / "probe")
    after = load_weights(probe).under("encoder.")
    assert all(torch.equal(before[name], after[name]) for name in before)
