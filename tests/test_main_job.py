"""The main job as a user does it: pretrain, finetune, eval, encode, compare, from the command line."""

import json

import numpy as np
import pytest
import trimesh
from tiny import TINY_SEGMENT, set_options


def test_pretrain_leaves_everything_a_run_folder_promises(pretrained):
    names = {path.name for path in pretrained.iterdir()}
    assert {
        "recipe.yaml",
        "run.json",
        "metrics.jsonl",
        "tensorboard",
        "checkpoints",
        "summary.json",
        "report.html",
    } <= names
    assert any((pretrained / "tensorboard").iterdir())
    records = [json.loads(line) for line in (pretrained / "metrics.jsonl").read_text().splitlines()]
    assert [r["step"] for r in records if r["kind"] == "train"] == [1, 2, 3, 4]
    summary = json.loads((pretrained / "summary.json").read_text())
    assert {"psnr", "psnr_gain", "depth_error", "depth_error_ratio"} <= {
        m["name"] for m in summary["measurements"]
    }
    page = (pretrained / "report.html").read_text()
    assert "ponder pretrain rooms --steps 4" in page
    assert page.count("data:image/") > 3
    assert "http-equiv" not in page
    assert 'src="http' not in page


def test_from_pretraining_to_a_table(ponder, pretrained, tmp_path):
    probed = ponder(
        "finetune",
        "rooms-semseg",
        "--encoder",
        "runs/rooms-1",
        "--probe",
        "--steps",
        "3",
        *set_options(TINY_SEGMENT),
    )
    assert probed.returncode == 0, probed.stderr
    scratch = ponder(
        "finetune", "rooms-semseg", "--encoder", "scratch", "--steps", "3", *set_options(TINY_SEGMENT)
    )
    assert scratch.returncode == 0, scratch.stderr
    evaluated = ponder("eval", "runs/rooms-semseg-1", "--json")
    assert evaluated.returncode == 0, evaluated.stderr
    again = json.loads(evaluated.stdout)["measurements"]["miou"]["value"]
    closing = json.loads((tmp_path / "runs/rooms-semseg-1/summary.json").read_text())["measurements"]
    assert again == pytest.approx(next(m["value"] for m in closing if m["name"] == "miou"), abs=1e-9)
    compared = ponder("compare", "runs/rooms-semseg-1", "runs/rooms-semseg-2")
    assert compared.returncode == 0, compared.stderr
    assert "miou" in compared.stdout
    assert "freeze_encoder" in compared.stdout


def test_a_probe_leaves_the_encoder_as_it_was(ponder, pretrained, tmp_path):
    from ponder_tasks.checkpoint import load_weights

    file = next((pretrained / "checkpoints").glob("step-*")) / "model.safetensors"
    probed = ponder(
        "finetune",
        "rooms-semseg",
        "--encoder",
        str(file),
        "--probe",
        "--steps",
        "3",
        *set_options(TINY_SEGMENT),
    )
    assert probed.returncode == 0, probed.stderr
    before = load_weights(pretrained).under("encoder.")
    after = load_weights(tmp_path / "runs" / "rooms-semseg-1").under("encoder.")
    assert before.keys() == after.keys()
    assert all((before[name] == after[name]).all() for name in before)


def test_encode_gives_one_feature_per_point(ponder, pretrained, tmp_path):
    generator = np.random.default_rng(0)
    coord = generator.uniform(0, 2, (500, 3))
    color = generator.integers(0, 255, (500, 4), dtype=np.uint8)
    trimesh.PointCloud(coord, color).export(tmp_path / "scan.ply")
    done = ponder("encode", "scan.ply", "-o", "features.npz", "--encoder", "runs/rooms-1")
    assert done.returncode == 0, done.stderr
    features = np.load(tmp_path / "features.npz")
    assert features["feature"].shape == (500, 8)
    assert np.allclose(features["coord"], coord, atol=1e-5)
    assert np.isfinite(features["feature"]).all()


def test_the_recipe_of_a_run_repeats_it(ponder, pretrained, tmp_path):
    again = ponder("pretrain", "--recipe-file", "runs/rooms-1/recipe.yaml", "--name", "again")
    assert again.returncode == 0, again.stderr
    first, second = (
        [
            json.loads(line)["total"]
            for line in (tmp_path / "runs" / run / "metrics.jsonl").read_text().splitlines()[:4]
        ]
        for run in ("rooms-1", "again")
    )
    assert first == second
