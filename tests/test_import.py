"""A released file becomes an encoder that the main job uses: ``ponder import``, then ``encode`` and ``finetune``.

The program runs in this process here: many short commands, which would each load PyTorch.
"""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from ponder_cli.app import app
from ponder_data import point_features, read_scan
from ponder_encoders import PointBatch, SparseUNet
from ponder_tasks.encoder_source import load_encoder
from ponder_tasks.run_folder import RunFolder
from ponder_tasks.segment.task import SegmentTask
from published import published_encoder, published_model
from test_bad_input import assert_refused
from tiny import TINY_ROOMS, set_options
from typer.testing import CliRunner

Done = subprocess.CompletedProcess[str]


@pytest.fixture
def ponder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Return a function that runs ``ponder WORD...`` in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*words: str) -> Done:
        result = CliRunner().invoke(app, list(words))
        return Done(list(words), result.exit_code, result.stdout, result.stderr)

    return run


def write_scan(path: Path) -> None:
    generator = np.random.default_rng(0)
    coord = generator.uniform(0, 2, (400, 3))
    color = generator.integers(0, 255, (400, 4), dtype=np.uint8)
    trimesh.PointCloud(coord, color).export(path)


def write_model(path: Path, conditions: int = 0) -> None:
    torch.save({"epoch": 3, "state_dict": published_model(conditions=conditions)}, path)


def expected_features(model: Path, scan: Path, condition: str | None) -> torch.Tensor:
    """What the released model computes of a scan of which no two points share a cell of 2 cm."""
    scene = read_scan(scan)
    lower, upper = scene.coord.amin(0), scene.coord.amax(0)
    shift = torch.stack([(lower[0] + upper[0]) / 2, (lower[1] + upper[1]) / 2, lower[2]])
    cells = torch.floor((scene.coord - shift).double() / 0.02).long()
    assert len(torch.unique(cells, dim=0)) == len(scene)
    batch = PointBatch(
        grid_coord=cells - cells.amin(0),
        features=point_features(scene.color, scene.normal),
        offsets=torch.tensor([len(scene)]),
    )
    with torch.no_grad():
        return SparseUNet.from_published(model).eval()(batch, condition)


@pytest.mark.parametrize("condition", [None, "S3DIS"])
def test_an_imported_encoder_gives_the_features_of_the_released_one(ponder, tmp_path, condition):
    write_model(tmp_path / "ponderv2.pth", conditions=3 if condition else 0)
    write_scan(tmp_path / "scan.ply")
    done = ponder("import", "ponderv2.pth", "-o", "run")
    assert done.returncode == 0, done.stderr
    words = ["--condition", condition] if condition else []
    assert ("conditions ScanNet, S3DIS, Structured3D" in done.stdout) == bool(condition)
    assert ("--condition ScanNet" in done.stdout) == bool(condition)
    encoded = ponder("encode", "scan.ply", "-o", "f.npz", "--encoder", "run", *words)
    assert encoded.returncode == 0, encoded.stderr
    found = np.load(tmp_path / "f.npz")["feature"]
    expected = expected_features(tmp_path / "ponderv2.pth", tmp_path / "scan.ply", condition)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["command"] == "ponder import ponderv2.pth -o run"


def test_an_encoder_with_conditions_is_fine_tuned_by_one_of_them(ponder, tmp_path):
    write_model(tmp_path / "ponderv2.pth", conditions=3)
    write_scan(tmp_path / "scan.ply")
    done = ponder("import", "ponderv2.pth", "-o", "run", "--grid-size", "0.15")
    assert done.returncode == 0, done.stderr
    words = [*set_options(TINY_ROOMS), "--steps", "2", "--set", "trainer.workers=0", "--encoder", "run"]
    refused = ponder("finetune", "rooms-semseg", *words)
    assert_refused(refused, "ScanNet, S3DIS, Structured3D", "--condition ScanNet")
    assert not (tmp_path / "runs").exists()
    tuned = ponder(
        "finetune", "rooms-semseg", *words, "--condition", "ScanNet", "--set", "encoder.backend=torch"
    )
    assert tuned.returncode == 0, tuned.stderr
    evaluated = ponder("eval", "rooms-semseg-1", "--json")
    assert evaluated.returncode == 0, evaluated.stderr
    # What came of it is a plain encoder, which needs no condition.
    encoded = ponder("encode", "scan.ply", "-o", "f.npz", "--encoder", "rooms-semseg-1")
    assert encoded.returncode == 0, encoded.stderr

    encoder, recipe = load_encoder(tmp_path / "run", "ScanNet")
    assert recipe.sample.grid_size == 0.15
    tuned_recipe = RunFolder.open(tmp_path / "runs" / "rooms-semseg-1").recipe()
    assert tuned_recipe.task == "segment"
    assert tuned_recipe.encoder_condition == "ScanNet"
    task = SegmentTask(tuned_recipe.model_copy(update={"encoder_source": "run", "freeze_encoder": True}))
    assert task.model.encoder.config.conditions == ()
    started = task.model.encoder.state_dict()
    assert all(torch.equal(value, started[name]) for name, value in encoder.state_dict().items())


def test_a_condition_that_is_missing_unknown_or_not_wanted(ponder, tmp_path):
    write_scan(tmp_path / "scan.ply")
    write_model(tmp_path / "ppt.pth", conditions=3)
    write_model(tmp_path / "plain.pth")
    for name in ("ppt", "plain"):
        assert ponder("import", f"{name}.pth", "-o", name).returncode == 0
    encode = ("encode", "scan.ply", "-o", "f.npz", "--encoder")
    assert_refused(ponder(*encode, "ppt"), "ScanNet, S3DIS, Structured3D", "--condition ScanNet")
    assert_refused(ponder(*encode, "ppt", "--condition", "Kitti"), "Kitti", "ScanNet, S3DIS, Structured3D")
    assert_refused(ponder(*encode, "plain", "--condition", "ScanNet"), "plain", "no conditions")
    assert not (tmp_path / "f.npz").exists()


def test_an_imported_encoder_is_neither_measured_nor_resumed(ponder, tmp_path):
    write_model(tmp_path / "plain.pth")
    assert ponder("import", "plain.pth", "-o", "run").returncode == 0
    assert_refused(ponder("eval", "run"), "run", "imported", "ponder finetune")
    assert_refused(ponder("pretrain", "--resume", "run"), "imported")


class Harmful:
    def __reduce__(self):
        return Path.mkdir, (Path("harm"),)


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-300])


BAD_FILES = {
    "truncated": (lambda file: (torch.save(published_encoder(), file), _truncate(file)), "cut short"),
    "not of torch": (lambda file: file.write_text("solid cube"), "no PyTorch file"),
    "pickled": (lambda file: torch.save({"state_dict": {}, "hook": Harmful()}, file), "refused"),
    "another model": (lambda file: torch.save({"fc.weight": torch.zeros(1)}, file), "fc.weight"),
    "a missing name": (
        lambda file: torch.save({k: v for k, v in published_encoder().items() if k != "up.0.1.bias"}, file),
        "decoder.1.norm.bias (missing)",
    ),
    "no contexts": (lambda file: torch.save(published_encoder(conditions=3), file), "embedding_table.weight"),
    "two conditions": (lambda file: torch.save(published_model(conditions=2), file), "2 conditions"),
    "other channels": (lambda file: torch.save(published_encoder(in_channels=4), file), "reads 4 channels"),
}


@pytest.mark.parametrize("kind", ["not there", *BAD_FILES])
def test_files_that_cannot_be_imported(ponder, tmp_path, kind):
    words = "not there"
    if kind in BAD_FILES:
        write, words = BAD_FILES[kind]
        write(tmp_path / "model.pth")
    before = sorted(path.name for path in tmp_path.iterdir())
    assert_refused(ponder("import", "model.pth", "-o", "run"), words)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_an_output_that_exists_is_left_alone(ponder, tmp_path):
    write_model(tmp_path / "model.pth")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("mine")
    assert_refused(ponder("import", "model.pth", "-o", "run"), "run", "exists already")
    assert_refused(ponder("import", "model.pth", "-o", "model.pth"), "exists already")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mine.txt"]
